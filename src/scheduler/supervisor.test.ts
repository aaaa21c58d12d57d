import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { succeeded } from '../adapters/adapter.ts'
import { addressPolicy, resolveBySystem } from '../adapters/index.ts'
import type { Adapters } from '../adapters/index.ts'
import { startQueuedRun } from '../control/dispatch/index.ts'
import { createLog } from '../platform/kernel/log.ts'
import { REDACTED } from '../platform/kernel/redact.ts'
import { createLogWriter } from '../engine/runs/index.ts'
import { createOutputFile, createProcessAgent, insertQueuedRuns, useRunner } from '../dev/testing/runner.ts'
import { auditsOf, NO_HOLD, holdRow, runRow, waitUntil, wakesOf } from '../dev/testing/holds.ts'
import { actionsOf, expireLease, useServer, world } from '../dev/testing/world.ts'
import { serverIdentity } from './serverIdentity.ts'
import { reap } from './reap.ts'
import { RENEW_INTERVAL_MS } from './supervisedRun.ts'
import { createSupervisor } from './supervisor.ts'

const server = useServer()

const ended = (runId: string, meanwhile: () => Promise<void> = async () => {}): Promise<void> =>
  waitUntil(`run ${runId} ends`, async () => {
    if (!['queued', 'running'].includes((await runRow(server(), runId)).status)) return true
    await meanwhile()
    return false
  })

const runOf = async (issueId: string): Promise<string> => (await wakesOf(server(), issueId)).at(-1)?.runId ?? ''

const rowOf = async (runId: string) => (await server().board.get(`/api/heartbeat-runs/${runId}`)).body

const isProcessAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Writes its pid and waits without limit. On SIGTERM it writes that down, and exits unless it is stubborn. */
const waitingScript = (file: string, stubborn = false): string =>
  `const write = (line) => require('fs').appendFileSync(${JSON.stringify(file)}, line + '\\n')
   process.on('SIGTERM', () => { write('SIGTERM'); ${stubborn ? '' : 'process.exit(3)'} })
   write(process.pid); setInterval(() => {}, 1000)`

/** A running run of an issue, with the pid of its process. */
async function runningRun(fields: { stubborn?: boolean; graceSec?: number } = {}) {
  const here = await world(server())
  const notes = createOutputFile()
  const agent = await createProcessAgent(
    here,
    waitingScript(notes.file, fields.stubborn),
    fields.graceSec === undefined ? {} : { graceSec: fields.graceSec },
  )
  const issue = await here.issue({ assigneeAgentId: agent.id })
  await waitUntil('the process has started', async () => notes.lines().length > 0)
  return { here, agent, issue, notes, pid: Number(notes.lines()[0]), runId: await runOf(issue.id) }
}

describe('A run of this server', () => {
  test('An assigned issue starts a run that holds the issue, frees it at its end, and has a readable log', async () => {
    const here = await world(server())
    useRunner(server())
    const notes = createOutputFile()
    const agent = await createProcessAgent(
      here,
      `const { PAPERCLIP_API_URL: api, PAPERCLIP_API_KEY: key, PAPERCLIP_TASK_ID: id } = process.env
       fetch(api + '/api/issues/' + id, { headers: { authorization: 'Bearer ' + key } }).then(async (answer) => {
         const { status, executionRunId } = await answer.json()
         require('fs').appendFileSync(${JSON.stringify(notes.file)}, [status, executionRunId === process.env.PAPERCLIP_RUN_ID].join() + '\\n')
         console.log('worked ' + key); console.error('grumbled')
       })`,
    )
    const issue = await here.issue({ assigneeAgentId: agent.id })
    await waitUntil('the run has written its line', async () => notes.lines().length > 0)
    const runId = await runOf(issue.id)
    await ended(runId)
    expect(notes.lines()).toEqual(['in_progress,true'])
    const run = await rowOf(runId)
    expect(run).toMatchObject({
      status: 'succeeded',
      exitCode: 0,
      error: null,
      logStore: 'postgres',
      logRef: runId,
      stderrExcerpt: 'grumbled\n',
    })
    expect(await holdRow(server(), issue.id)).toMatchObject({ ...NO_HOLD, status: 'in_progress', assigneeAgentId: agent.id, lockEpoch: 2 })
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ status: 'completed' }])
    expect(await actionsOf(server(), issue.id)).toEqual(['issue.created', 'issue.checked_out', 'issue.lock_cleared'])
    const [started, finished] = await auditsOf(server(), runId)
    expect(started).toMatchObject({ action: 'heartbeat.run_started', actorType: 'system', actorId: 'scheduler', agentId: agent.id, runId })
    expect(finished).toMatchObject({ action: 'heartbeat.run_finished', details: { status: 'succeeded', issueIds: [issue.id] } })
    const { body: log } = await server().board.get(`/api/heartbeat-runs/${runId}/log`)
    const lines = (log.content as string).trimEnd().split('\n')
    const chunks = lines.map((line) => JSON.parse(line) as { stream: string; chunk: string })
    // The token belongs to the run, and no reader of the log may see it (I17).
    expect(chunks.map(({ stream, chunk }) => `${stream}: ${chunk}`).toSorted()).toEqual([
      'stderr: grumbled\n',
      `stdout: worked ${REDACTED}\n`,
    ])
    expect(run.logBytes).toBe(Buffer.byteLength(log.content))
  })

  test('The events of a run list its steps in order', async () => {
    const here = await world(server())
    useRunner(server())
    const agent = await createProcessAgent(here, '')
    const runId = await runOf((await here.issue({ assigneeAgentId: agent.id })).id)
    const read = async (query = '') =>
      (await server().board.get(`/api/heartbeat-runs/${runId}/events${query}`)).body as { seq: number; message: string; payload: object }[]
    await waitUntil('its end is an event', async () => (await read()).some(({ message }) => message === 'run succeeded'))
    const events = await read()
    expect(events.map(({ seq, message }) => `${seq} ${message}`)).toEqual([
      '1 run started',
      '2 adapter invocation',
      '3 process started',
      '4 process exited',
      '5 run succeeded',
    ])
    expect(events[1]?.payload).toMatchObject({ adapterType: 'process', command: process.execPath, commandArgs: ['-e', ''] })
    expect((await read('?afterSeq=3&limit=1')).map(({ seq }) => seq)).toEqual([4])
  })

  test('A run whose log has a reader ends only after the reader has received all of it', async () => {
    const here = await world(server())
    useRunner(server())
    const agent = await createProcessAgent(
      here,
      `for (let index = 0; index < 3000; index += 1) console.log('word ' + index); console.error('the end')`,
    )
    const { body: run } = await server().board.post(`/api/agents/${agent.id}/heartbeat/invoke`)
    let output = ''
    let offset = 0
    await ended(run.id, async () => {
      // As Paperclip's command line: first the status of the run, then a piece of the log, and nothing after the end.
      const { body } = await server().board.get(`/api/heartbeat-runs/${run.id}/log?offset=${offset}&limitBytes=16384`)
      for (const line of ((body.content as string | undefined) ?? '').split('\n').filter(Boolean))
        output += JSON.parse(line).chunk as string
      offset += Buffer.byteLength((body.content as string | undefined) ?? '')
    })
    expect(output.match(/word \d+/g)).toEqual(Array.from({ length: 3000 }, (_, index) => `word ${index}`))
    expect(output).toContain('the end')
  })

  test('A failed run records exit code and error output, and its issue becomes free', async () => {
    const here = await world(server())
    useRunner(server())
    const agent = await createProcessAgent(here, 'console.error("no"); process.exit(7)')
    const issue = await here.issue({ assigneeAgentId: agent.id })
    const runId = await runOf(issue.id)
    await ended(runId)
    expect(await rowOf(runId)).toMatchObject({ status: 'failed', errorCode: 'exit_nonzero', exitCode: 7, stderrExcerpt: 'no\n' })
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ status: 'failed' }])
    expect(await holdRow(server(), issue.id)).toMatchObject(NO_HOLD)
  })

  test('The outcome that an agent reports itself is kept, and its process gets time to exit', async () => {
    const here = await world(server())
    useRunner(server(), { renewEveryMs: 50 })
    const agent = await createProcessAgent(
      here,
      `const { PAPERCLIP_API_URL: api, PAPERCLIP_API_KEY: key, PAPERCLIP_RUN_ID: id } = process.env
       fetch(api + '/api/heartbeat-runs/' + id + '/finish', { method: 'POST', headers: { authorization: 'Bearer ' + key, 'content-type': 'application/json' },
         body: JSON.stringify({ status: 'succeeded', resultJson: { summary: 'all done' } }) }).then(() => setTimeout(() => process.exit(9), 300))`,
    )
    const runId = await runOf((await here.issue({ assigneeAgentId: agent.id })).id)
    await waitUntil('its process has ended', async () => (await rowOf(runId)).exitCode === 9)
    expect(await rowOf(runId)).toMatchObject({ status: 'succeeded', errorCode: null, resultJson: { summary: 'all done' } })
    expect((await actionsOf(server(), runId)).filter((action) => action === 'heartbeat.run_finished')).toHaveLength(1)
  })

  test('A run continues the session of the last run of its issue', async () => {
    const here = await world(server())
    useRunner(server())
    const script =
      'process.stdin.resume(); console.log(JSON.stringify({ type: "result", session_id: "s-" + process.argv.length, result: process.argv.slice(2).join(" ") }))'
    const agent = await here.agent({ adapterType: 'claude_local', adapterConfig: { command: createOutputFile().program(script) } })
    const issue = await here.issue({ assigneeAgentId: agent.id })
    const first = await runOf(issue.id)
    await ended(first)
    expect(await rowOf(first)).toMatchObject({ status: 'succeeded', sessionIdBefore: null, sessionIdAfter: 's-7' })
    await server().board.post(`/api/issues/${issue.id}/comments`, { body: 'Go on' })
    const second = await runOf(issue.id)
    expect(second).not.toBe(first)
    await ended(second)
    expect(await rowOf(second)).toMatchObject({
      sessionIdBefore: 's-7',
      resultJson: { summary: expect.stringContaining('--resume s-7') as string },
    })
  })
})

test('A run with an unknown session is retried once, automatically, with a fresh session (K1)', async () => {
  const here = await world(server())
  useRunner(server())
  const script = `process.stdin.resume()
    if (process.argv.includes('--resume')) {
      console.log(JSON.stringify({ type: 'result', subtype: 'error_during_execution', is_error: true, num_turns: 0, session_id: 's-other',
        usage: { input_tokens: 0, output_tokens: 0 }, errors: ['No conversation found with session ID: s-gone'] }))
      process.exit(1)
    }
    console.log(JSON.stringify({ type: 'result', session_id: 's-new', result: 'afresh' }))`
  const agent = await here.agent({ adapterType: 'claude_local', adapterConfig: { command: createOutputFile().program(script) } })
  const issue = await here.issue({ status: 'backlog', assigneeAgentId: agent.id })
  await server().database.sql.query(
    `insert into agent_task_sessions (agent_id, task_key, company_id, adapter_type, session_id) values ($1, $2, $3, 'claude_local', 's-gone')`,
    [agent.id, issue.id, here.company.id],
  )
  await server().board.patch(`/api/issues/${issue.id}`, { status: 'todo' })
  const first = await runOf(issue.id)
  await ended(first)
  expect(await rowOf(first)).toMatchObject({ status: 'failed', errorCode: 'adapter_session_unknown', sessionIdBefore: 's-gone' })
  const second = await runOf(issue.id)
  expect(second).not.toBe(first)
  await ended(second)
  expect(await rowOf(second)).toMatchObject({
    status: 'succeeded',
    retryOfRunId: first,
    sessionIdBefore: null,
    sessionIdAfter: 's-new',
    resultJson: { summary: 'afresh' },
  })
  expect(await wakesOf(server(), issue.id)).toMatchObject([{ status: 'completed', runId: second }])
})

test('A wake that names an old session to resume runs once more without it, and the good session of its task stays (K1)', async () => {
  const here = await world(server())
  useRunner(server())
  const script = `process.stdin.resume()
    if (process.argv.includes('s-old')) process.exit(1)
    console.log(JSON.stringify({ type: 'result', is_error: true, session_id: 's-failed', result: 'no', usage: { input_tokens: 5, output_tokens: 1 } }))`
  const agent = await here.agent({ adapterType: 'claude_local', adapterConfig: { command: createOutputFile().program(script) } })
  const issue = await here.issue({ status: 'backlog', assigneeAgentId: agent.id })
  const old = await here.run(agent)
  await server().database.sql.query("update heartbeat_runs set session_id_after = 's-old' where id = $1", [old.id])
  await old.client.post(`/api/heartbeat-runs/${old.id}/finish`, { status: 'succeeded' })
  const { rows: sessions } = await server().database.sql.query(
    `insert into agent_task_sessions (agent_id, task_key, company_id, adapter_type, session_id) values ($1, $2, $3, 'claude_local', 's-good') returning 1`,
    [agent.id, issue.id, here.company.id],
  )
  expect(sessions).toHaveLength(1)
  await server().board.post(`/api/agents/${agent.id}/wakeup`, { payload: { issueId: issue.id, resumeFromRunId: old.id } })
  const first = await runOf(issue.id)
  await ended(first)
  expect(await rowOf(first)).toMatchObject({ errorCode: 'adapter_session_unknown', sessionIdBefore: 's-old' })
  const second = await runOf(issue.id)
  expect(second).not.toBe(first)
  await ended(second)
  expect(await rowOf(second)).toMatchObject({ status: 'failed', sessionIdBefore: null, sessionIdAfter: 's-failed' })
  const { rows } = await server().database.sql.query('select session_id as id from agent_task_sessions where agent_id = $1', [agent.id])
  expect(rows).toEqual([{ id: 's-good' }])
})

describe('A run that another request ends', () => {
  test.each([
    ['cancelled', (ids: { runId: string }) => server().board.post(`/api/heartbeat-runs/${ids.runId}/cancel`), 'cancelled'],
    ['paused', (ids: { agentId: string }) => server().board.post(`/api/agents/${ids.agentId}/pause`), 'agent_paused'],
  ] as const)('The process of a %s run receives SIGTERM, and the outcome of the run stays', async (_, act, errorCode) => {
    useRunner(server())
    const { agent, runId, issue, notes, pid } = await runningRun()
    expect((await act({ runId, agentId: agent.id })).status).toBe(200)
    await waitUntil(
      'its process has ended and its exit is recorded',
      async () => !isProcessAlive(pid) && (await rowOf(runId)).exitCode === 3,
    )
    expect(notes.lines()).toEqual([String(pid), 'SIGTERM'])
    expect(await rowOf(runId)).toMatchObject({ status: 'cancelled', errorCode })
    expect(await holdRow(server(), issue.id)).toMatchObject(NO_HOLD)
    expect((await actionsOf(server(), runId)).filter((action) => action === 'heartbeat.run_finished')).toHaveLength(1)
  })

  test('A process that ignores SIGTERM is killed', async () => {
    useRunner(server())
    const { runId, pid } = await runningRun({ stubborn: true, graceSec: 0.2 })
    await server().board.post(`/api/heartbeat-runs/${runId}/cancel`)
    await waitUntil(
      'its process has ended and its exit is recorded',
      async () => !isProcessAlive(pid) && (await rowOf(runId)).signal === 'SIGKILL',
    )
    expect(await rowOf(runId)).toMatchObject({ status: 'cancelled', errorCode: 'cancelled' })
  })

  test('A run that another server cancels is stopped at the next lease renewal', async () => {
    const runner = useRunner(server(), { renewEveryMs: 100 })
    const { runId, pid } = await runningRun()
    const second = await server().startPeer()
    await second.board.post(`/api/heartbeat-runs/${runId}/cancel`)
    await second.stop()
    await waitUntil('its process has ended', async () => !isProcessAlive(pid))
    expect(runner.serverId).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('The process of a run whose agent is deleted is ended, and the run is deleted', async () => {
    useRunner(server())
    const { agent, runId, pid } = await runningRun()
    expect((await server().board.del(`/api/agents/${agent.id}`)).status).toBe(200)
    await waitUntil('its process has ended', async () => !isProcessAlive(pid))
    expect((await server().board.get(`/api/heartbeat-runs/${runId}`)).status).toBe(404)
  })

  test('A run whose lease expired is killed and ends as timed_out', async () => {
    useRunner(server(), { renewEveryMs: 100 })
    const { runId, issue, pid } = await runningRun()
    await expireLease(server(), runId)
    await waitUntil('its process has ended', async () => !isProcessAlive(pid))
    await reap(server().store)
    expect(await rowOf(runId)).toMatchObject({ status: 'timed_out', errorCode: 'lease_expired' })
    // Its wake gets another run, which may hold the issue by now.
    const { checkoutRunId, executionRunId } = await holdRow(server(), issue.id)
    expect([checkoutRunId, executionRunId]).not.toContain(runId)
    expect((await actionsOf(server(), runId)).filter((action) => action === 'heartbeat.run_finished')).toHaveLength(1)
  })
})

test.each<[string, (runId: string) => Promise<unknown>]>([
  ['its own server notices', async () => {}],
  ['another server has ended it', async () => void (await reap(server().store))],
])(
  'A process that ignores SIGTERM is killed soon after the lease has expired, because another run may hold the issue: %s',
  async (_, act) => {
    useRunner(server(), { renewEveryMs: 100 })
    const { runId, pid } = await runningRun({ stubborn: true, graceSec: 60 })
    await expireLease(server(), runId)
    await act(runId)
    await waitUntil('its process has ended', async () => !isProcessAlive(pid))
  },
)

test('A run whose lease expires before its process starts may not start any more, because its server may have been stopped', async () => {
  const here = await world(server())
  const agent = await createProcessAgent(here, '')
  await insertQueuedRuns(server(), here.company.id, agent.id, 1)
  const host = serverIdentity()
  const { store, tokens, url: apiUrl } = server()
  const claim = await startQueuedRun(store, host.id, ['process'], { agentId: agent.id, companyId: here.company.id })
  if (claim.kind !== 'claimed') throw new Error('nothing was claimed')
  const answers: (boolean | undefined)[] = []
  // Takes long to start, like a process that is stopped (SIGSTOP) while it starts.
  const start: Adapters['start'] = (_type, _job, listener) => ({
    outcome: waitUntil('the lease has expired', async () => {
      answers.push(listener.mayStart?.())
      return answers.at(-1) === false
    }).then(() => succeeded()),
    cancel: () => {},
  })
  const log = createLog('silent', false)
  const supervisor = createSupervisor({
    store,
    tokens,
    apiUrl,
    worktrees: null,
    adapters: {
      outbound: { policy: addressPolicy([]), resolve: resolveBySystem },
      isolation: { kind: 'none', reason: 'a test' },
      types: ['process'],
      supports: (type) => type === 'process',
      validateConfig: () => ({ ok: false, problems: [] }),
      isolationProblems: () => null,
      runPreflight: () => Promise.resolve(null),
      listWarnings: () => Promise.resolve([]),
      start,
    },
    logWriter: createLogWriter(store, log, () => {}),
    server: host,
    maxRuns: 1,
    renewIntervalMs: RENEW_INTERVAL_MS,
    log,
    onOutput: () => {},
    onSlotFree: () => {},
  })
  // The lease has half a second left, by the clock that also runs while a process is stopped.
  supervisor.start(claim.order, performance.now() - 29_500)
  await waitUntil('the run is over', async () => supervisor.runCountByCompany().size === 0)
  expect(answers[0]).toBe(true)
  expect(answers.at(-1)).toBe(false)
  expect(await runRow(server(), claim.order.runId)).toMatchObject({ status: 'running' })
  await supervisor.stop(Promise.resolve())
})

test('The end of a run that meets row locks is retried until it is written', async () => {
  const here = await world(server())
  const agent = await createProcessAgent(here, '')
  const { sql } = server().database
  // As when a row is locked for longer than a statement waits; five times, after which a bug would be given up.
  await sql.query(`create sequence ends_tried;
    create function refuse_end() returns trigger language plpgsql security definer as $$ begin
      if nextval('ends_tried') <= 5 then raise exception 'canceling statement due to lock timeout' using errcode = '55P03'; end if;
      return NEW;
    end $$;
    create trigger refuse_end before update on heartbeat_runs for each row
      when (OLD.status = 'running' and NEW.status = 'succeeded') execute function refuse_end()`)
  onTestFinished(async () => void (await sql.query('drop trigger refuse_end on heartbeat_runs')))
  useRunner(server())
  const [runId = ''] = await insertQueuedRuns(server(), here.company.id, agent.id, 1)
  await ended(runId)
  expect(await runRow(server(), runId)).toMatchObject({ status: 'succeeded' })
  expect((await sql.query<{ tries: number }>('select last_value::int as tries from ends_tried')).rows).toEqual([{ tries: 6 }])
})

test("The leases of a server's runs are renewed, and the server has a row", async () => {
  const runner = useRunner(server(), { renewEveryMs: 50 })
  const { runId } = await runningRun()
  const leaseOf = async (): Promise<string> => (await rowOf(runId)).leaseExpiresAt
  const first = await leaseOf()
  await waitUntil('the lease is renewed', async () => (await leaseOf()) > first)
  const seen = await server().database.sql.query('select host_key, pid from servers where id = $1', [runner.serverId])
  expect(seen.rows).toEqual([{ host_key: expect.stringMatching(/^[0-9a-f]{64}$/) as string, pid: process.pid }])
})

test('A server that stops ends its runs with the reason and starts no others', async () => {
  const runner = useRunner(server(), { maxRuns: 1 })
  const { here, runId, pid, issue, agent } = await runningRun()
  const other = await createProcessAgent(here, '')
  const [waiting = ''] = await insertQueuedRuns(server(), here.company.id, other.id, 1)
  await runner.stop()
  expect(isProcessAlive(pid)).toBe(false)
  expect(await rowOf(runId)).toMatchObject({
    status: 'cancelled',
    errorCode: 'server_stopped',
    error: 'The server was stopped',
    exitCode: 3,
  })
  expect(await holdRow(server(), issue.id)).toMatchObject({ ...NO_HOLD, assigneeAgentId: agent.id })
  expect(await runRow(server(), waiting)).toMatchObject({ status: 'queued' })
})

test('An agent that continues a run on its own gets the lease of an external run', async () => {
  const requests: { runId: string; token: string }[] = []
  const agentServer = createServer((request, response) => {
    request.setEncoding('utf8').on('data', (text: string) => requests.push(JSON.parse(text) as { runId: string; token: string }))
    request.on('end', () => response.writeHead(202, { 'content-type': 'application/json' }).end('{"runId":"remote-1"}'))
  })
  await new Promise<void>((resolve) => void agentServer.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void agentServer.close())
  const here = await world(server())
  const runner = useRunner(server())
  const url = `http://127.0.0.1:${(agentServer.address() as AddressInfo).port}/`
  const agent = await here.agent({ adapterType: 'http', adapterConfig: { url, sendToken: true } })
  const issue = await here.issue({ assigneeAgentId: agent.id })
  const runId = await runOf(issue.id)
  await waitUntil('the run was handed over', async () => (await rowOf(runId)).leaseSeconds === 300)
  expect(await rowOf(runId)).toMatchObject({ status: 'running', externalRunId: 'remote-1' })
  await runner.stop()
  expect(await rowOf(runId)).toMatchObject({ status: 'running' })
  const finish = await server()
    .bearer(requests[0]?.token ?? '')
    .post(`/api/heartbeat-runs/${runId}/finish`, { status: 'succeeded' })
  expect(finish.status, finish.text).toBe(200)
  expect(await holdRow(server(), issue.id)).toMatchObject(NO_HOLD)
})
