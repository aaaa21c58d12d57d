import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { tmpdir } from 'node:os'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { databaseText } from '../../dev/testing/databaseText.ts'
import { countByStatus, race } from '../../dev/testing/race.ts'
import { waitForLockWaiter } from '../../dev/testing/holds.ts'
import { auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import { systemCtx } from '../../platform/db/context.ts'
import { changedIfAny, mutate } from '../../platform/db/mutate.ts'
import { environmentFileProvider } from './environmentFile.ts'
import { giveSecrets } from './giveToRun.ts'
import { useExternalProviders } from './providers.ts'

const server = useServer()

afterEach(() => useExternalProviders([]))

async function setup() {
  const base = await world(server())
  const secrets = `/api/companies/${base.company.id}/secrets`
  const secret = async (fields: Record<string, unknown> = {}) => {
    const answer = await server().board.post(secrets, { name: `S ${randomUUID()}`, value: `value-${randomUUID()}`, ...fields })
    expect(answer.status, answer.text).toBe(201)
    return answer.body
  }
  return { ...base, secrets, secret }
}

describe('secrets', () => {
  test('A secret is created, and its value is in no answer, no audit row and no column', async () => {
    const { secrets, company } = await setup()
    const value = `canary-${randomUUID()}`
    const { status, body, text } = await server().board.post(secrets, { name: 'MAIL_TOKEN', value, description: 'Reads the mail' })
    expect(status, text).toBe(201)
    expect(body).toEqual({
      id: expect.any(String),
      companyId: company.id,
      name: 'MAIL_TOKEN',
      provider: 'local_encrypted',
      externalRef: null,
      latestVersion: 1,
      description: 'Reads the mail',
      createdByAgentId: null,
      createdByUserId: 'local-board',
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    })
    expect((await lastAudit(server(), body.id, 'secret.created')).details).toEqual({
      name: 'MAIL_TOKEN',
      provider: 'local_encrypted',
      externalRef: null,
    })
    const list = await server().board.get(secrets)
    expect(list.body).toEqual([body])
    expect(text + list.text + JSON.stringify(server().messages)).not.toContain(value)
    const stored = await databaseText(server())
    expect(stored).not.toContain(value)
    expect(stored).not.toContain(Buffer.from(value).toString('hex'))
  })

  test('A repeated request with the same key creates one secret, and the stored request says nothing about its value', async () => {
    const { secrets } = await setup()
    const key = { 'Idempotency-Key': randomUUID() }
    const input = { name: 'Once', value: `canary-${randomUUID()}` }
    const [first, again] = [await server().board.post(secrets, input, key), await server().board.post(secrets, input, key)]
    expect(again.body).toEqual(first.body)
    expect((await server().board.get(secrets)).body).toHaveLength(1)
  })

  test('A rotation makes a version, and a change of the name makes none', async () => {
    const { secret } = await setup()
    const { id } = await secret({ name: 'Before' })
    expect(await server().board.post(`/api/secrets/${id}/rotate`, { value: `next-${randomUUID()}` })).toMatchObject({
      status: 200,
      body: { latestVersion: 2 },
    })
    expect((await lastAudit(server(), id, 'secret.rotated')).details).toMatchObject({ version: 2, name: 'Before' })
    expect(await server().board.patch(`/api/secrets/${id}`, { name: 'After', description: 'x' })).toMatchObject({
      status: 200,
      body: { name: 'After', description: 'x', latestVersion: 2 },
    })
    expect((await lastAudit(server(), id, 'secret.updated')).details).toMatchObject({ changedKeys: ['name', 'description'] })
    const before = await auditCount(server())
    expect((await server().board.patch(`/api/secrets/${id}`, { name: 'After' })).status).toBe(200)
    expect(await auditCount(server())).toBe(before)
    const usage = await server().board.get(`/api/secrets/${id}/usage`)
    expect(usage.body).toMatchObject({ secretId: id, uses: [], hasMoreUses: false, lastRead: null })
    expect(usage.body.versions.map((each: { version: number }) => each.version)).toEqual([2, 1])
  })

  test('Of four secrets at once whose names look the same, one is created', async () => {
    const { secrets } = await setup()
    const answers = await race(['token', 'TOKEN', 'to\u200bken', 'ｔｏｋｅｎ'], (name) =>
      server().board.post(secrets, { name, value: `value-${randomUUID()}` }),
    )
    expect(countByStatus(answers)).toEqual({ 201: 1, 409: 3 })
    expect(answers.find(({ status }) => status === 409)?.body).toMatchObject({ code: 'name_taken' })
  })

  test('Two rotations at once make two versions', async () => {
    const { secret } = await setup()
    const { id } = await secret()
    const answers = await race([1, 2], () => server().board.post(`/api/secrets/${id}/rotate`, { value: `next-${randomUUID()}` }))
    expect(countByStatus(answers)).toEqual({ 200: 2 })
    expect(new Set(answers.map(({ body }) => body.latestVersion))).toEqual(new Set([2, 3]))
  })

  test('A name that is taken, a bad field and a value that cannot be covered are refused, and nothing is recorded', async () => {
    const { secrets, secret } = await setup()
    const { name } = await secret()
    const { id } = await secret()
    const before = await auditCount(server())
    const value = `value-${randomUUID()}`
    for (const body of [
      { name: 'x' },
      { value },
      { name: '', value },
      { name: '\u200b', value },
      { name: 'a\nb', value },
      { name: 'x', value: 'a\0bcdefghij' },
      { name: 'x', value: 'x'.repeat(32_001) },
      { name: 'x', value: '***REDACTED***' },
    ])
      expect(await server().board.post(secrets, body), JSON.stringify(body).slice(0, 80)).toMatchObject({ status: 400 })
    const common = await server().board.post(secrets, { name: 'x', value: 'production' })
    expect(common).toMatchObject({ status: 422, body: { code: 'secret_not_coverable' } })
    expect(common.text).not.toContain('production')
    expect(await server().board.post(secrets, { name: name.toUpperCase(), value })).toMatchObject({
      status: 409,
      body: { code: 'name_taken' },
    })
    expect(await server().board.patch(`/api/secrets/${id}`, { name })).toMatchObject({ status: 409, body: { code: 'name_taken' } })
    expect(await server().board.post(secrets, { name: 'x', value, provider: 'vault' })).toMatchObject({
      status: 422,
      body: { code: 'provider_not_configured' },
    })
    expect((await server().board.post(`/api/secrets/${id}/rotate`, {})).status).toBe(400)
    expect(await auditCount(server())).toBe(before)
  })

  test('Only the board reads and writes secrets, and a secret of another company looks missing', async () => {
    const { secrets, secret, agent, run } = await setup()
    const { id } = await secret()
    const working = await run(await agent({ role: 'ceo' }))
    for (const answer of [
      await working.client.get(secrets),
      await working.client.post(secrets, { name: 'x', value: `value-${randomUUID()}` }),
      await working.client.get(`/api/secrets/${id}/usage`),
      await working.client.post(`/api/secrets/${id}/rotate`, { value: `value-${randomUUID()}` }),
      await working.client.del(`/api/secrets/${id}`),
    ])
      expect(answer).toMatchObject({ status: 403, body: { error: 'Board access required' } })
    for (const missing of [randomUUID()]) {
      expect(await server().board.get(`/api/secrets/${missing}/usage`)).toMatchObject({ status: 404, body: { error: 'Secret not found' } })
      expect((await server().board.del(`/api/secrets/${missing}`)).status).toBe(404)
    }
    expect((await server().board.get('/api/secrets/nope/usage')).status).toBe(400)
  })
})

test('An agent sees in the audit and in the stream that there is a secret, and not its name; the board sees it', async () => {
  const { company, secret, agent } = await setup()
  const name = `Payroll ${randomUUID()}`
  const { id } = await secret({ name })
  await server().board.post(`/api/secrets/${id}/rotate`, { value: `next-${randomUUID()}` })
  const { client } = await agent({ role: 'ceo' })
  const C = `/api/companies/${company.id}`
  for (const path of [`${C}/activity`, `${C}/activity?entityType=secret`, `${C}/events/stream?after=0&follow=false`]) {
    const [seen, ofBoard] = [await client.get(path), await server().board.get(path)]
    expect([seen.status, ofBoard.status], seen.text).toEqual([200, 200])
    expect(seen.text).toContain('secret.rotated')
    expect([seen.text.includes(name), ofBoard.text.includes(name)], path).toEqual([false, true])
  }
})

test('An agent that names the run of another one beside its key does not learn whether a text is a secret of that run', async () => {
  const { secret, agent, run } = await setup()
  const value = `canary-${randomUUID()}`
  const { id } = await secret({ value })
  const working = await run(await agent())
  await server().database.sql.query(
    'insert into run_secrets (run_id, secret_id, version, company_id) select $1, id, 1, company_id from company_secrets where id = $2',
    [working.id, id],
  )
  const peer = (await agent()).client.with({ 'x-paperclip-run-id': working.id })
  const guess = (text: string) => peer.post(`/api/issues/${encodeURIComponent(text)}/release`, {})
  // Before the run itself was heard of, and behind it: the one is read from the database, the other from memory.
  for (let turn = 0; turn < 2; turn += 1) {
    const [right, wrong] = [await guess(value), await guess('another-text')]
    expect([right.status, right.body.code], right.text).toEqual([wrong.status, wrong.body.code])
    expect((await working.client.post(`/api/issues/${value}/release`, {})).status).toBe(400)
  }
})

test('The secrets of a company, their versions and their keys go with the company', async () => {
  const { company, secret } = await setup()
  await secret()
  expect((await server().board.del(`/api/companies/${company.id}`)).status).toBe(200)
  for (const table of ['company_secrets', 'company_secret_versions', 'company_data_keys']) {
    const { rows } = await server().database.sql.query(`select 1 from ${table} where company_id = $1`, [company.id])
    expect(rows, table).toEqual([])
  }
})

describe('references to secrets', () => {
  const reference = (secretId: string, version?: number | 'latest') => ({
    type: 'secret_ref',
    secretId,
    ...(version === undefined ? {} : { version }),
  })

  test('A secret that an agent or a project refers to cannot be deleted, and its usage says where it is', async () => {
    const { company, secret } = await setup()
    const { id } = await secret()
    const agents = `/api/companies/${company.id}/agents`
    const made = await server().board.post(agents, { name: 'Ada', adapterConfig: { command: 'true', env: { KEY: reference(id, 1) } } })
    expect(made.status, made.text).toBe(201)
    const project = await server().board.post(`/api/companies/${company.id}/projects`, {
      name: 'P',
      env: { TOKEN: reference(id.toUpperCase()) },
    })
    expect(project.status, project.text).toBe(201)
    expect((await server().board.get(`/api/secrets/${id}/usage`)).body.uses).toEqual([
      { kind: 'agent', id: made.body.id, name: 'Ada', path: 'env.KEY', version: 1 },
      { kind: 'project', id: project.body.id, name: 'P', path: 'env.TOKEN', version: 'latest' },
    ])
    const before = await auditCount(server())
    const refused = await server().board.del(`/api/secrets/${id}`)
    expect(refused).toMatchObject({ status: 409, body: { code: 'secret_in_use' } })
    expect(refused.body.details.uses).toHaveLength(2)
    expect(await auditCount(server())).toBe(before)
    await server().board.patch(`/api/agents/${made.body.id}`, { adapterConfig: { env: {} } })
    await server().board.patch(`/api/projects/${project.body.id}`, { env: null })
    expect(await server().board.del(`/api/secrets/${id}`)).toMatchObject({ status: 200, body: { ok: true } })
    expect((await lastAudit(server(), id, 'secret.deleted')).details).toMatchObject({ versions: 1 })
    expect((await server().board.get(`/api/secrets/${id}/usage`)).status).toBe(404)
  })

  test('A secret that a run is being given stays: its deletion waits, and is refused; one that is being deleted is given to no run', async () => {
    const { company, agent, run, secret } = await setup()
    const [kept, gone] = [await secret(), await secret()]
    const worker = await agent()
    const { id: runId } = await run(worker)
    const start = { companyId: company.id, agentId: worker.id, runId, issueId: null }
    const give = (secretId: string, inTransaction: () => Promise<void>) =>
      mutate(systemCtx(server().store, company.id, 'test'), async (tx) => {
        const { given, events } = await giveSecrets(tx, { ...start, config: { env: { KEY: reference(secretId) } } })
        await inTransaction()
        return changedIfAny(given.length, events)
      })
    const deletions: ReturnType<ReturnType<typeof server>['board']['del']>[] = []
    const count = await give(kept.id, async () => {
      deletions.push(server().board.del(`/api/secrets/${kept.id}`))
      await waitForLockWaiter(server())
    })
    expect(count).toBe(1)
    expect(await deletions[0]).toMatchObject({ status: 409, body: { code: 'secret_in_use', details: { runIds: [runId] } } })
    // The other way round: the row is locked for its deletion when the run looks for it.
    const { sql } = server().database
    const client = await sql.connect()
    await client.query('begin')
    await client.query('delete from company_secrets where id = $1', [gone.id])
    const giving = give(gone.id, async () => {})
    await waitForLockWaiter(server())
    await client.query("set local paperclip.fixture = 'on'")
    await client.query('commit')
    client.release()
    expect(await giving).toBe(0)
  })

  test('A reference that names no secret or no version of the company is refused with its path', async () => {
    const { company, secret } = await setup()
    const elsewhere = await setup()
    const [own, foreign] = [await secret(), await elsewhere.secret()]
    const agents = `/api/companies/${company.id}/agents`
    const { id } = (await server().board.post(agents, { name: 'Ada', adapterConfig: { command: 'true' } })).body
    const before = await auditCount(server())
    for (const bad of [reference(randomUUID()), reference(foreign.id), reference(own.id, 2), reference('no-id')]) {
      const env = { KEY: bad }
      const refused = { status: 422, body: { code: 'unknown_reference', details: { fields: ['env.KEY'] } } }
      expect(await server().board.patch(`/api/agents/${id}`, { adapterConfig: { env } })).toMatchObject(refused)
      expect((await server().board.post(agents, { name: 'Bob', adapterConfig: { command: 'true', env } })).status).toBe(422)
      const project = await server().board.post(`/api/companies/${company.id}/projects`, { name: 'P', env })
      expect([400, 422]).toContain(project.status)
    }
    expect(await auditCount(server())).toBe(before)
  })

  test('While a secret is deleted, concurrent references to it either keep it or find it missing', async () => {
    const { company, secret } = await setup()
    for (let round = 0; round < 10; round += 1) {
      const { id } = await secret()
      const { body: made } = await server().board.post(`/api/companies/${company.id}/agents`, {
        name: 'Ada',
        adapterConfig: { command: 'true' },
      })
      const [stored, deleted] = await Promise.all([
        server().board.patch(`/api/agents/${made.id}`, { adapterConfig: { env: { KEY: reference(id) } } }),
        server().board.del(`/api/secrets/${id}`),
      ])
      expect([
        [200, 409],
        [422, 200],
      ]).toContainEqual([stored.status, deleted.status])
    }
  })

  test('A reference that stood there before does not prevent another change of the configuration', async () => {
    const { company, secret } = await setup()
    const { id } = await secret()
    const { body: made } = await server().board.post(`/api/companies/${company.id}/agents`, {
      name: 'Ada',
      adapterConfig: { command: 'true', env: { KEY: reference(id) } },
    })
    await server().database.sql.query('delete from company_secrets where id = $1', [id])
    expect((await server().board.patch(`/api/agents/${made.id}`, { adapterConfig: { command: 'false' } })).status).toBe(200)
  })
})

describe('a file of variables as a provider', () => {
  /** The place of a file, in a folder that is removed with the test. */
  const fileOfVariables = (): string => {
    const folder = mkdtempSync(path.join(tmpdir(), 'paperclip-secrets-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    return path.join(folder, 'secrets.env')
  }

  test('A secret names a variable of the file, and only where the operator has configured one', async () => {
    const { secrets } = await setup()
    const file = fileOfVariables()
    writeFileSync(file, 'MAIL_TOKEN=from-the-file-4711\n')
    const providers = secrets.replace(/secrets$/, 'secret-providers')
    expect((await server().board.get(providers)).body.map((each: { id: string }) => each.id)).toEqual(['local_encrypted'])
    useExternalProviders([environmentFileProvider(file)])
    expect((await server().board.get(providers)).body).toMatchObject([{}, { id: 'environment_file', requiresExternalRef: true }])
    const input = { name: 'Mail', provider: 'environment_file', externalRef: 'MAIL_TOKEN' }
    const { status, body, text } = await server().board.post(secrets, input)
    expect(status, text).toBe(201)
    expect(body).toMatchObject({ provider: 'environment_file', externalRef: 'MAIL_TOKEN', latestVersion: 1 })
    for (const bad of [{ externalRef: '../etc/passwd' }, { externalRef: null }, { value: 'a-value-4711' }])
      expect(await server().board.post(secrets, { ...input, name: 'Other', ...bad })).toMatchObject({ status: 400 })
    expect(await server().board.post(`/api/secrets/${body.id}/rotate`, { externalRef: 'NEXT' })).toMatchObject({
      status: 200,
      body: { externalRef: 'NEXT', latestVersion: 2 },
    })
    expect((await server().board.patch(`/api/secrets/${body.id}`, { externalRef: 'OTHER' })).status).toBe(400)
  })

  test('A value that a server could not read for a moment is covered as soon as it can be read', async () => {
    const { secrets, agent, run, issue } = await setup()
    const file = fileOfVariables()
    useExternalProviders([environmentFileProvider(file)])
    const { body } = await server().board.post(secrets, { name: 'Mail', provider: 'environment_file', externalRef: 'MAIL_TOKEN' })
    const working = await run(await agent())
    await server().database.sql.query(
      'insert into run_secrets (run_id, secret_id, version, company_id) select $1, id, 1, company_id from company_secrets where id = $2',
      [working.id, body.id],
    )
    const { id } = await issue()
    const say = async () =>
      (await working.client.post(`/api/issues/${id}/comments`, { body: 'It is from-the-file-4711' })).body.body as string
    expect(await say()).toBe('It is from-the-file-4711')
    writeFileSync(file, 'MAIL_TOKEN=from-the-file-4711\n')
    expect(await say()).toBe('It is ***REDACTED***')
  })
})
