import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { databaseText } from '../dev/testing/databaseText.ts'
import { isFullCheck } from '../dev/testing/fullCheck.ts'
import { runRow, waitUntil, wakesOf } from '../dev/testing/holds.ts'
import { createOutputFile, insertQueuedRuns, useRunner } from '../dev/testing/runner.ts'
import { actionsOf, lastAudit, useServer, world } from '../dev/testing/world.ts'

const server = useServer()

/** A value with what JSON escapes, so that its plain and its escaped form differ. */
const newValue = (): string => `cn"${randomUUID()}\\z`
const reference = (secretId: string, version?: number) => ({ type: 'secret_ref', secretId, ...(version === undefined ? {} : { version }) })

async function setup() {
  const base = await world(server())
  const secret = async (value = newValue()) => {
    const answer = await server().board.post(`/api/companies/${base.company.id}/secrets`, { name: `S ${randomUUID()}`, value })
    expect(answer.status, answer.text).toBe(201)
    return { id: answer.body.id as string, value }
  }
  const processAgent = (script: string, env: Record<string, unknown>, fields: Record<string, unknown> = {}) =>
    base.agent({ adapterType: 'process', adapterConfig: { command: process.execPath, args: ['-e', script], env }, ...fields })
  /** Assigns an issue to an agent. @returns the run that it wakes */
  const runFor = async (agentId: string, fields: Record<string, unknown> = {}) => {
    const issue = await base.issue({ assigneeAgentId: agentId, ...fields })
    return { issue, runId: (await wakesOf(server(), issue.id)).at(-1)?.runId ?? '' }
  }
  return { ...base, secret, processAgent, runFor }
}

const ended = (runId: string): Promise<void> =>
  waitUntil(`run ${runId} ends`, async () => !['queued', 'running'].includes((await runRow(server(), runId)).status))

/** A program that writes what it was given into a file which is no part of this server. */
const noting = (file: string, names: readonly string[]): string =>
  `require('fs').appendFileSync(${JSON.stringify(file)}, JSON.stringify(${JSON.stringify(names)}.map((n) => process.env[n] ?? null)) + '\\n')`

describe('secrets of runs', () => {
  test('A run gets the values of its references in its environment, and each is recorded as read in the transaction of its start', async () => {
    const { secret, processAgent, runFor } = await setup()
    const { file, lines } = createOutputFile()
    const { id, value } = await secret()
    const agent = await processAgent(noting(file, ['KEY', 'AGAIN']), { KEY: reference(id), AGAIN: reference(id, 1) })
    useRunner(server())
    const { runId, issue } = await runFor(agent.id)
    await ended(runId)
    expect(lines().map((line) => JSON.parse(line))).toEqual([[value, value]])
    expect(await lastAudit(server(), id, 'secret.read')).toMatchObject({
      agentId: agent.id,
      runId,
      actorType: 'system',
      details: { version: 1, issueId: issue.id, fields: ['env.AGAIN', 'env.KEY'] },
    })
    const { rows } = await server().database.sql.query<{ transactions: number }>(
      "select count(distinct txid)::int as transactions from activity_log where run_id = $1 and action in ('secret.read', 'heartbeat.run_started')",
      [runId],
    )
    expect(rows).toEqual([{ transactions: 1 }])
    expect((await server().board.get(`/api/secrets/${id}/usage`)).body.lastRead).toMatchObject({ version: 1, agentId: agent.id, runId })
    const text = await databaseText(server())
    expect(text).not.toContain(value)
    expect(text).not.toContain(JSON.stringify(value).slice(1, -1))
  })

  test('After a rotation the next run gets the new value where it asks for the latest, and the old one where it asks for a version', async () => {
    const { secret, processAgent, runFor } = await setup()
    const { file, lines } = createOutputFile()
    const { id, value } = await secret()
    const agent = await processAgent(noting(file, ['LATEST', 'PINNED']), { LATEST: reference(id), PINNED: reference(id, 1) })
    const next = newValue()
    await server().board.post(`/api/secrets/${id}/rotate`, { value: next })
    useRunner(server())
    const { runId } = await runFor(agent.id)
    await ended(runId)
    expect(lines().map((line) => JSON.parse(line))).toEqual([[next, value]])
    expect((await actionsOf(server(), id)).filter((action) => action === 'secret.read')).toHaveLength(2)
  })

  test('The variables of a project reach runs on its issues and no others, go before those of the agent, and replace none of this server', async () => {
    const { secret, processAgent, runFor, company } = await setup()
    const { file, lines } = createOutputFile()
    const [own, ofProject] = [await secret(), await secret()]
    const agent = await processAgent(noting(file, ['SHARED', 'ONLY', 'PAPERCLIP_AGENT_ID']), { SHARED: reference(own.id) })
    const project = await server().board.post(`/api/companies/${company.id}/projects`, {
      name: 'P',
      env: { SHARED: reference(ofProject.id), ONLY: 'plain', PAPERCLIP_AGENT_ID: reference(ofProject.id) },
    })
    useRunner(server())
    await ended((await runFor(agent.id, { projectId: project.body.id })).runId)
    await ended((await runFor(agent.id)).runId)
    expect(lines().map((line) => JSON.parse(line))).toEqual([
      [ofProject.value, 'plain', agent.id],
      [own.value, null, agent.id],
    ])
  })

  test('A header of an HTTP agent gets its value, also under a name with dots, and the answer that repeats it is stored without it', async () => {
    const { secret, agent, runFor } = await setup()
    const { id, value } = await secret(`cn-${randomUUID()}`)
    const received: (string | undefined)[] = []
    const listener = createServer((request, response) => {
      received.push(request.headers.authorization, request.headers['x.token'] as string | undefined)
      request
        .resume()
        .on('end', () => response.setHeader('content-type', 'application/json').end(JSON.stringify({ summary: `I got ${value}` })))
    })
    await new Promise<void>((resolve) => void listener.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void listener.close())
    const url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/`
    const remote = await agent({
      adapterType: 'http',
      adapterConfig: { url, headers: { Authorization: reference(id), 'X.Token': reference(id) } },
    })
    useRunner(server())
    const { runId } = await runFor(remote.id)
    await ended(runId)
    expect(received).toEqual([value, value])
    expect((await server().board.get(`/api/heartbeat-runs/${runId}`)).body).toMatchObject({
      status: 'succeeded',
      resultJson: { summary: 'I got ***REDACTED***' },
    })
  })

  test('A value that a transcript writes with escapes is covered when the parser has decoded it', async () => {
    const { secret, agent, runFor } = await setup()
    const { id, value } = await secret(`cn-${randomUUID()}`)
    const program = createOutputFile().program(`
      const text = [...process.env.KEY].map((c) => '\\\\u' + c.charCodeAt(0).toString(16).padStart(4, '0')).join('')
      console.log('{"type":"result","session_id":"s-1","result":"It is ' + text + '","usage":{"input_tokens":1,"output_tokens":1}}')`)
    const { id: agentId } = await agent({ adapterType: 'claude_local', adapterConfig: { command: program, env: { KEY: reference(id) } } })
    useRunner(server())
    const { runId } = await runFor(agentId)
    await ended(runId)
    const { body } = await server().board.get(`/api/heartbeat-runs/${runId}`)
    expect(body).toMatchObject({ status: 'succeeded', resultJson: { summary: 'It is ***REDACTED***' } })
    expect(JSON.stringify(body)).not.toContain(value)
  })

  test.each([
    ['was deleted by hand', 'delete from company_secrets where id = $1'],
    ['cannot be opened', "update company_secret_versions set sealed = decode(repeat('00', 40), 'hex') where secret_id = $1"],
  ])('When a secret %s, the run ends at once with a code, and no other run is tried', async (_, change) => {
    const { secret, processAgent, runFor } = await setup()
    const { file, lines } = createOutputFile()
    const { id } = await secret()
    const agent = await processAgent(noting(file, ['KEY']), { KEY: reference(id) })
    await server().database.sql.query(change, [id])
    useRunner(server())
    const { runId } = await runFor(agent.id)
    await ended(runId)
    expect((await server().board.get(`/api/heartbeat-runs/${runId}`)).body).toMatchObject({
      status: 'failed',
      errorCode: 'adapter_secret_missing',
      error: 'No value for env.KEY',
    })
    await waitUntil('the agent is in error', async () => (await server().board.get(`/api/agents/${agent.id}`)).body.status === 'error')
    const { rows } = await server().database.sql.query('select id from heartbeat_runs where agent_id = $1', [agent.id])
    expect(rows).toHaveLength(1)
    expect(lines()).toEqual([])
  })

  test('A secret that a live run was given cannot be deleted until the run ends', async () => {
    const { secret, agent, run } = await setup()
    const { id } = await secret()
    const working = await run(await agent())
    await server().database.sql.query(
      'insert into run_secrets (run_id, secret_id, version, company_id) select id, $2, 1, company_id from heartbeat_runs where id = $1',
      [working.id, id],
    )
    expect(await server().board.del(`/api/secrets/${id}`)).toMatchObject({
      status: 409,
      body: { code: 'secret_in_use', details: { runIds: [working.id] } },
    })
    await working.client.post(`/api/heartbeat-runs/${working.id}/finish`, { status: 'succeeded' })
    expect((await server().board.del(`/api/secrets/${id}`)).status).toBe(200)
  })
})

describe('what a run writes through the API', () => {
  test('Values that the run was given are covered in comments, issues, documents, file names and results, also by a server that did not start it', async () => {
    const { secret, agent, run: open, issue: newIssue, checkout, company } = await setup()
    const { id, value } = await secret()
    const run = await open(await agent())
    const issue = await newIssue()
    // As a server that started the run would have recorded it: this one looks it up.
    await server().database.sql.query('insert into run_secrets (run_id, secret_id, version, company_id) values ($1, $2, 1, $3)', [
      run.id,
      id,
      company.id,
    ])
    await checkout(run, issue.id)
    const escaped = JSON.stringify(value).slice(1, -1)
    const comment = await run.client.post(`/api/issues/${issue.id}/comments`, {
      body: `It is ${value}, or ${escaped}, or ${Buffer.from(value).toString('base64')}`,
    })
    expect(comment).toMatchObject({ status: 201, body: { body: 'It is ***REDACTED***, or ***REDACTED***, or ***REDACTED***' } })
    const child = await run.client.post(`/api/companies/${company.id}/issues`, { title: `Use ${value}`, description: value })
    expect(child.status, child.text).toBe(201)
    expect(child.body.title).toBe('Use ***REDACTED***')
    const document = await run.client.put(`/api/issues/${issue.id}/documents/plan`, {
      format: 'markdown',
      body: `# ${value}`,
      title: value,
    })
    expect(document.status, document.text).toBeLessThan(300)
    const form = new FormData()
    form.append('file', new Blob(['words'], { type: 'text/plain' }), `${value.replaceAll(/["\\]/g, '')}.txt`)
    await fetch(`${server().url}/api/companies/${company.id}/issues/${issue.id}/attachments`, {
      method: 'POST',
      headers: run.client.headers,
      body: form,
    })
    const finished = await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, {
      status: 'failed',
      error: `bad ${value}`,
      resultJson: { [value]: [value] },
    })
    expect(finished.status, finished.text).toBe(200)
    const text = await databaseText(server())
    expect(text).not.toContain(value)
    expect(text).not.toContain(escaped)
    expect(JSON.stringify(server().messages)).not.toContain(escaped)
  })

  test('A run that was given nothing writes what it wants, and so does the board', async () => {
    const { secret, held } = await setup()
    const { value } = await secret()
    const { run, issue } = await held()
    for (const client of [run.client, server().board])
      expect((await client.post(`/api/issues/${issue.id}/comments`, { body: value })).body.body).toBe(value)
  })
})

describe('canaries', () => {
  const [secretCount, runCount] = isFullCheck ? [200, 1000] : [12, 10]

  /** Writes every secret in every way: whole, in two writes, in base64, as JSON, in an error, in a comment and in the name of an issue. */
  const script = `
    const values = Object.entries(process.env).filter(([name]) => name.startsWith('CANARY_')).map(([, value]) => value)
    const write = (stream, text) => new Promise((resolve) => stream.write(text, resolve))
    const send = (path, body) => fetch(process.env.PAPERCLIP_API_URL + path, { method: 'POST', body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', authorization: 'Bearer ' + process.env.PAPERCLIP_API_KEY } })
    const main = async () => {
      for (const value of values) {
        await write(process.stdout, 'whole ' + value + '\\n')
        const half = Math.floor(Math.random() * value.length)
        await write(process.stdout, value.slice(0, half))
        await write(process.stdout, value.slice(half) + '\\n' + JSON.stringify({ value, twice: JSON.stringify({ value }) }) + '\\n')
        await write(process.stderr, Buffer.from('user:' + value).toString('base64') + '\\n' + encodeURIComponent(value))
      }
      await send('/api/companies/' + process.env.PAPERCLIP_COMPANY_ID + '/issues', { title: values[0], description: values.join(' ') })
      throw new Error(values.join())
    }
    main().catch((error) => { console.error(error); process.exitCode = 3 })`

  /** Waits until each run has ended, in any order. The next end has the time of one. */
  async function allEnded(runIds: readonly string[]): Promise<void> {
    const countOpen = async () =>
      (
        await server().database.sql.query<{ count: number }>(
          "select count(*)::int as count from heartbeat_runs where id = any($1) and status in ('queued', 'running')",
          [runIds],
        )
      ).rows[0]?.count ?? 0
    let open = runIds.length
    while (open > 0) {
      const before = open
      await waitUntil(`one of ${before} runs ends`, async () => {
        open = await countOpen()
        return open < before
      })
    }
  }

  test('Runs that echo their secrets in every way leave none of them anywhere', { timeout: isFullCheck ? 1_800_000 : 60_000 }, async () => {
    const { secret, processAgent, company } = await setup()
    const made: { id: string; value: string }[] = []
    for (let count = 0; count < secretCount; count += 1) made.push(await secret())
    const env = Object.fromEntries(made.map(({ id }, at) => [`CANARY_${at}`, reference(id)]))
    const agent = await processAgent(script, env, { runtimeConfig: { heartbeat: { maxConcurrentRuns: 5 } } })
    const runIds = await insertQueuedRuns(server(), company.id, agent.id, runCount)
    useRunner(server())
    await allEnded(runIds)
    const log = (await server().board.get(`/api/heartbeat-runs/${runIds[0]}/log`)).text
    expect(log).toContain('***REDACTED***')
    const text = (await databaseText(server())) + JSON.stringify(server().messages)
    for (const { value } of made)
      for (const form of [value, JSON.stringify(value).slice(1, -1), Buffer.from(`user:${value}`).toString('base64').slice(8, 40)])
        expect(text.includes(form), form).toBe(false)
    const { rows } = await server().database.sql.query<{ count: number }>(
      "select count(*)::int as count from activity_log where action = 'secret.read' and company_id = $1",
      [company.id],
    )
    expect(rows[0]?.count).toBe(secretCount * runCount)
  })
})
