import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createSealer } from '../observe/audit/index.ts'
import { createLog } from '../platform/kernel/log.ts'
import { isFullCheck } from '../dev/testing/fullCheck.ts'
import { lastAudit, useServer, world } from '../dev/testing/world.ts'
import type { World } from '../dev/testing/world.ts'
import { spend } from '../dev/testing/budgets.ts'
import type { Finding } from './check.ts'
import { allChecks, diagnoseDatabase, diagnoseSchema, mendAll } from './diagnose.ts'
import { checkDisk, checkHome, checkNode, checkPort } from './hostChecks.ts'
import { mendable } from './mend.ts'
import { checkClock } from './postgresChecks.ts'
import { compareSchemas } from './schemaChecks.ts'

const server = useServer()
const sql = () => server().database.sql
const log = createLog('silent', false)

/** The Postgres of the tests loses what it was writing when it crashes, on purpose. */
const OF_TESTS = 'postgres.durability'

const facts = () => ({ heads: server().heads, hasKeys: true, verifiesChains: true })
const diagnose = async (): Promise<Finding[]> => (await diagnoseDatabase(server().store.read, facts())).filter(({ id }) => id !== OF_TESTS)
/** The subjects of `schema.missing`. */
const missing = async (): Promise<string[]> =>
  (await diagnose()).find(({ id }) => id === 'schema.missing')?.subjects.map(({ what }) => what) ?? []
const idsOf = (findings: readonly Finding[]): string[] => findings.map(({ id }) => id).toSorted()

/** Runs statements as no program of this server can: without triggers and foreign keys. */
async function withoutChecks(...statements: readonly (readonly [string, readonly unknown[]])[]): Promise<void> {
  const connection = await sql().connect()
  try {
    await connection.query('set session_replication_role = replica')
    for (const [text, values] of statements) await connection.query(text, [...values])
  } finally {
    connection.release(true)
  }
}

const query = async (text: string, ...values: readonly unknown[]): Promise<void> => void (await sql().query(text, [...values]))

async function policyOf({ company, agent }: World): Promise<{ policyId: string; agentId: string }> {
  const { id: agentId } = await agent()
  const { rows } = await sql().query<{ id: string }>(
    "insert into budget_policies (company_id, scope_type, scope_id, amount) values ($1, 'agent', $2, 100000) returning id",
    [company.id, agentId],
  )
  return { policyId: rows[0]?.id ?? '', agentId }
}

async function endedRun({ run, agent }: World): Promise<{ id: string; agentId: string }> {
  const opened = await run(await agent())
  await server().board.post(`/api/heartbeat-runs/${opened.id}/cancel`)
  return opened
}

/** Faults by the id under which the doctor must name them; each is planted once. */
const faults: Readonly<Record<string, (here: World, other: World) => Promise<void>>> = {
  async 'audit.chain'(_, other) {
    await withoutChecks([
      "update activity_log set actor_id = 'a stranger' where company_id = $1 and action = 'company.created'",
      [other.company.id],
    ])
  },
  async 'hold.ended-run'(here) {
    const { run } = await here.held()
    await withoutChecks(["update heartbeat_runs set status = 'failed', finished_at = now() where id = $1", [run.id]])
  },
  async 'hold.two-holders'(here) {
    const { issue, agent } = await here.held()
    await query('update issues set execution_run_id = $2 where id = $1', issue.id, (await here.run(agent)).id)
  },
  async 'hold.foreign-run'(here) {
    const { issue } = await here.held()
    const foreign = await here.run(await here.agent())
    await query('update issues set checkout_run_id = $2, execution_run_id = $2 where id = $1', issue.id, foreign.id)
  },
  async 'hold.not-in-progress'(here) {
    const { issue } = await here.held()
    await query("update issues set status = 'in_review' where id = $1", issue.id)
  },
  async 'hold.evicted-run'(here) {
    const { issue, run } = await here.held()
    await query('insert into issue_lock_evictions (issue_id, run_id) values ($1, $2)', issue.id, run.id)
  },
  async 'run.expired'(here) {
    const { id } = await here.run(await here.agent())
    await query("update heartbeat_runs set lease_expires_at = now() - interval '1 hour' where id = $1", id)
  },
  async 'run.of-stopped-agent'(here) {
    const agent = await here.agent()
    await here.run(agent)
    await query(
      "update agents set status = 'paused', pause_reason = 'manual', updated_at = now() - interval '1 hour' where id = $1",
      agent.id,
    )
  },
  async 'run.no-time'(here) {
    await query('update heartbeat_runs set finished_at = null where id = $1', (await endedRun(here)).id)
  },
  async 'wake.stranded'(here) {
    const agent = await here.agent()
    const issue = await here.issue({ status: 'backlog', assigneeAgentId: agent.id })
    await query(
      `insert into wakes (company_id, agent_id, issue_id, source, reason, status, requested_by_actor_type, requested_by_actor_id)
       values ($1, $2, $3, 'on_demand', 'planted', 'deferred_issue_execution', 'system', 'test')`,
      here.company.id,
      agent.id,
      issue.id,
    )
  },
  async 'wake.ended-run'(here) {
    const { id, agentId } = await endedRun(here)
    await query(
      `insert into wakes (company_id, agent_id, run_id, source, reason, status, requested_by_actor_type, requested_by_actor_id)
       values ($1, $2, $3, 'on_demand', 'planted', 'queued', 'system', 'test')`,
      here.company.id,
      agentId,
      id,
    )
  },
  async 'budget.reserved'(here) {
    await query('update budget_windows set reserved = reserved + 5 where policy_id = $1', (await policyOf(here)).policyId)
  },
  async 'budget.dead-reservation'(here) {
    const { policyId } = await policyOf(here)
    await query(
      `insert into budget_reservations (run_id, policy_id, window_start, company_id, remaining)
       select $2, policy_id, window_start, company_id, 7 from budget_windows where policy_id = $1`,
      policyId,
      (await endedRun(here)).id,
    )
    await query('update budget_windows set reserved = reserved + 7 where policy_id = $1', policyId)
  },
  async 'budget.spent'(here) {
    await query('update budget_windows set spent = spent + 9 where policy_id = $1', (await policyOf(here)).policyId)
  },
  async 'cost.sums'(_, other) {
    await spend(server(), { companyId: other.company.id, agentId: (await other.agent()).id, cents: 3 })
    await query("update cost_rollups set microcents = microcents + 1 where company_id = $1 and grain = '20m'", other.company.id)
  },
  async 'issue.counts'(_, other) {
    await other.issue()
    await query("update issue_counts set issues = issues + 1 where company_id = $1 and status = 'todo'", other.company.id)
  },
  async 'issue.cycle'(here) {
    const issue = await here.issue()
    await query('update issues set parent_id = id where id = $1', issue.id)
  },
  async 'agent.cycle'(here) {
    const agent = await here.agent()
    await query('update agents set reports_to = id where id = $1', agent.id)
  },
  async 'approval.undated'(here) {
    await query("insert into approvals (company_id, type, status, payload) values ($1, 'hire_agent', 'approved', '{}')", here.company.id)
  },
  async 'file.content'(here) {
    await query(
      "insert into assets (company_id, object_key, content_type, byte_size, sha256) values ($1, 'x', 'text/plain', 3, 'y')",
      here.company.id,
    )
  },
  async 'secret.no-version'(here) {
    await query("insert into company_secrets (company_id, name) values ($1, 'Planted')", here.company.id)
  },
  async 'secret.foreign-key'(here, other) {
    const created = await server().board.post(`/api/companies/${here.company.id}/secrets`, { name: 'Sealed', value: 'a value to seal' })
    await server().board.post(`/api/companies/${other.company.id}/secrets`, { name: 'Sealed', value: 'another value' })
    await query(
      'update company_secret_versions set key_id = (select id from company_data_keys where company_id = $2) where secret_id = $1',
      created.body.id,
      other.company.id,
    )
  },
  async 'secret.old-master-key'(here) {
    await query(
      "insert into company_data_keys (company_id, version, wrapped, master_key_id) values ($1, 0, 'x', 'another')",
      here.company.id,
    )
  },
  async 'secret.unknown'(here) {
    const agent = await here.agent()
    const config = { env: { KEY: { type: 'secret_ref', secretId: '00000000-0000-4000-8000-000000000001', version: 'latest' } } }
    await query('update agents set adapter_config = $2 where id = $1', agent.id, JSON.stringify(config))
  },
  async 'deletion.stuck'(here) {
    await query(
      "insert into deletions (id, company_id, kind, touched_at) values (gen_random_uuid(), $1, 'agent', now() - interval '2 hours')",
      here.company.id,
    )
  },
  async 'audit.guard'() {
    await query('alter table activity_log disable trigger activity_log_no_truncate')
  },
  async 'postgres.index'() {
    await query("update pg_index set indisvalid = false where indexrelid = 'heartbeat_run_log_chunks_age'::regclass")
  },
  async 'schema.missing'() {
    await query('alter table issue_labels drop constraint issue_labels_label_id_labels_id_fk')
  },
  async 'schema.changed'() {
    await query('alter table labels alter column color set default $$red$$')
  },
  async 'row.orphan'(here) {
    await withoutChecks([
      'insert into issue_labels (issue_id, label_id) select gen_random_uuid(), id from labels where company_id = $1',
      [here.company.id],
    ])
  },
  async 'row.foreign-company'(here, other) {
    const issue = await here.issue()
    const project = await server().board.post(`/api/companies/${other.company.id}/projects`, { name: 'Elsewhere' })
    await query('update issues set project_id = $2 where id = $1', issue.id, project.body.id)
  },
  // The last one, because no issue can be created behind it.
  async 'issue.counter'(here) {
    await query('update issue_counters set last_number = last_number - 1 where company_id = $1', here.company.id)
  },
}

async function seal(): Promise<void> {
  const sealing = createSealer(server().store, server().heads, log)
  await expect
    .poll(async () => {
      await sealing()
      const { rows } = await sql().query(
        'select 1 from activity_log l where not exists (select 1 from activity_chain c where c.seq = l.seq) limit 1',
      )
      return rows.length
    })
    .toBe(0)
}

describe('The doctor at a database', () => {
  test('A healthy database has no finding, also while agents work on it', async () => {
    const here = await world(server())
    await seal()
    expect(await diagnose()).toEqual([])
    let isLooking = true
    const work = async (): Promise<void> => {
      while (isLooking) {
        const { run, issue, agent } = await here.held()
        await server().board.post(`/api/issues/${issue.id}/comments`, { body: 'How far is it?' })
        await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 1, heartbeatRunId: run.id })
        await run.client.post(`/api/issues/${issue.id}/release`)
        await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' })
      }
    }
    const working = Promise.all(Array.from({ length: isFullCheck ? 6 : 2 }, work))
    const found: string[] = []
    for (let round = 0; round < (isFullCheck ? 20 : 2); round += 1) found.push(...idsOf(await diagnose()))
    isLooking = false
    await working
    expect(found).toEqual([])
  })

  test('Each of many planted faults is named once and nothing else is; what has a mend is mended and audited, and the rest stays', async () => {
    const [here, other] = [await world(server()), await world(server())]
    await server().board.post(`/api/companies/${here.company.id}/labels`, { name: 'Bug', color: '#ff0000' })
    await seal()
    expect(await diagnose()).toEqual([])
    // The edited row is planted first: what follows is not sealed, and rows that wait for their seal are no break.
    for (const plant of Object.values(faults)) await plant(here, other)
    const planted = Object.keys(faults).toSorted()
    expect(planted.length).toBeGreaterThanOrEqual(20)
    const found = await diagnose()
    expect(idsOf(found)).toEqual(planted)
    expect(found.filter(({ count }) => count !== 1).map(({ id, subjects }) => ({ id, subjects }))).toEqual([])

    const result = await mendAll(server().store, found)
    expect(result.failed).toEqual([])
    expect(result.mended.map(({ id }) => id).toSorted()).toEqual(planted.filter((id) => mendable.has(id)))
    expect(idsOf(await diagnose())).toEqual(planted.filter((id) => !mendable.has(id)))
    const released = found.find(({ id }) => id === 'hold.evicted-run')?.subjects[0]?.id ?? ''
    expect((await lastAudit(server(), released, 'issue.admin_force_release')).details).toMatchObject({
      reason: 'paperclip-server doctor --fix: hold.evicted-run',
    })
    expect(await lastAudit(server(), here.company.id, 'company.rows_mended')).toMatchObject({ actorType: 'system', actorId: 'doctor' })
    expect(await mendAll(server().store, found)).toEqual({ mended: [], failed: [] })
  })

  test('A thing that was dropped by hand is named with the statement that makes it again, and the statement works', async () => {
    const before = await missing()
    await query('drop index heartbeat_run_log_chunks_age')
    await query('drop trigger issues_version on issues')
    await query('alter table labels drop constraint labels_company_id_companies_id_fk')
    const made = (await missing()).filter((what) => !before.includes(what))
    expect(made.map((what) => what.split(' is missing: ')[0])).toEqual([
      'the index heartbeat_run_log_chunks_age of heartbeat_run_log_chunks',
      'the trigger issues_version of issues',
      'the constraint labels_company_id_companies_id_fk of labels',
    ])
    for (const what of made) await query(what.split(' is missing: ')[1] ?? '')
    expect(await missing()).toEqual(before)
  })

  test('A table that is missing is one line, and a thing that was added is no fault', () => {
    const object = (kind: string, table: string, name: string, definition = '') => ({ kind, table, name, definition })
    const expected = [
      object('table', 'a', ''),
      object('column', 'a', 'id', 'uuid'),
      object('index', 'a', 'a_id', 'CREATE INDEX a_id ON a (id)'),
    ]
    const subjects = (live: typeof expected, comparesTexts = true): string[] =>
      compareSchemas(expected, live, comparesTexts).flatMap(({ id, subjects: found }) => found.map(({ what }) => `${id}: ${what}`))
    expect(subjects([])).toEqual(['schema.missing: the table a is missing: its text is in the migrations, the folder drizzle'])
    expect(subjects([...expected, object('index', 'a', 'more', 'x')])).toEqual([])
    const changed = [...expected.slice(0, 2), object('index', 'a', 'a_id', 'CREATE INDEX a_id ON a (other)')]
    expect(subjects(changed)).toEqual(['schema.changed: the index a_id of a is another one: CREATE INDEX a_id ON a (id)'])
    // Another version of Postgres may write the same index in other words.
    expect(subjects(changed, false)).toEqual([])
  })

  test('The counter of events and a vault of another key are found', async () => {
    await query(
      "insert into vault_state (id, master_key_id, canary) values (1, 'another', 'x') on conflict (id) do update set master_key_id = 'another'",
    )
    await query("select setval('event_tickets', (select txid::text::bigint from activity_log order by txid desc limit 1) - 1)")
    expect(idsOf(await diagnose())).toEqual(expect.arrayContaining(['audit.counter', 'secret.master-key']))
  })

  test('A database that lacks a migration, or has one that this build does not know, is named', async () => {
    expect(await diagnoseSchema(sql())).toBeNull()
    await query("insert into drizzle.__drizzle_migrations (hash, created_at) values ('of tomorrow', 4102444800000)")
    expect((await diagnoseSchema(sql()))?.map(({ id }) => id)).toEqual(['schema.ahead'])
    await query("delete from drizzle.__drizzle_migrations where hash = 'of tomorrow'")
    await query('delete from drizzle.__drizzle_migrations where id = (select max(id) from drizzle.__drizzle_migrations)')
    expect((await diagnoseSchema(sql()))?.map(({ id }) => id)).toEqual(['schema.behind'])
  })

  test('A check that the database refuses is a finding and not the end of the diagnosis', async () => {
    await query('alter table wakes rename to wakes_elsewhere')
    const found = await diagnoseDatabase(server().store.read, { ...facts(), verifiesChains: false })
    await query('alter table wakes_elsewhere rename to wakes')
    const unchecked = found.find(({ id }) => id === 'doctor.unchecked')
    expect(unchecked?.subjects.map(({ what }) => what)).toEqual(
      expect.arrayContaining([expect.stringContaining('wake.stranded') as string]),
    )
  })
})

describe('The doctor at a host', () => {
  const home = (): string => {
    const folder = mkdtempSync(path.join(tmpdir(), 'paperclip-doctor-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    return folder
  }
  const ids = (findings: readonly Finding[]): string[] => findings.map(({ id }) => id)

  test('A home that others can write and a secret that others can read are found, and a home that is not there is none', () => {
    const folder = home()
    writeFileSync(path.join(folder, 'board-token'), 'x', { mode: 0o600 })
    expect(ids(checkHome(folder))).toEqual([])
    chmodSync(path.join(folder, 'board-token'), 0o644)
    expect(ids(checkHome(folder))).toEqual(['home.file-mode'])
    chmodSync(folder, 0o777)
    expect(ids(checkHome(folder))).toEqual(['home.mode', 'home.file-mode'])
    expect(checkHome(path.join(folder, 'missing'))).toEqual([])
  })

  test('A home that this account cannot read, and one that is a file, are found and end nothing', () => {
    const file = path.join(home(), 'file')
    writeFileSync(file, 'x')
    expect(ids(checkHome(file))).toEqual(['home.unreadable'])
    expect(ids(checkHome(path.join(file, 'below')))).toEqual(['home.unreadable'])
    expect(() => checkDisk(path.join(file, 'below'))).not.toThrow()
  })

  test.skipIf(process.getuid?.() === 0)('A home of another account is found', () => {
    const folder = home()
    chmodSync(folder, 0o000)
    expect(ids(checkHome(folder))).toEqual(['home.unreadable'])
    expect(ids(checkHome(path.join(folder, 'below')))).toEqual(['home.unreadable'])
    expect(() => checkDisk(path.join(folder, 'below'))).not.toThrow()
    chmodSync(folder, 0o700)
  })

  test('The file of keys that a restore issued is found when others can read it, and when it was not handed out within a day', () => {
    const folder = home()
    const file = path.join(folder, 'restored-agent-keys.ndjson')
    writeFileSync(file, '{}\n', { mode: 0o600 })
    expect(ids(checkHome(folder))).toEqual([])
    expect(ids(checkHome(folder, Date.now() + 25 * 3_600_000))).toEqual(['home.old-agent-keys'])
    chmodSync(file, 0o640)
    expect(ids(checkHome(folder))).toEqual(['home.open-agent-keys'])
  })

  test('A disk with less space than asked for is found, also for a home that is not there yet', () => {
    expect(ids(checkDisk(path.join(home(), 'not', 'there'), Number.MAX_SAFE_INTEGER))).toEqual(['host.disk'])
    expect(checkDisk(home(), 1)).toEqual([])
  })

  test('A port that another program listens at is found', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    expect(ids(await checkPort({ host: '127.0.0.1', port }))).toEqual(['host.port'])
    await new Promise<void>((resolve) => void other.close(() => resolve()))
    expect(await checkPort({ host: '127.0.0.1', port })).toEqual([])
    expect(await checkPort({ host: '127.0.0.1', port: 0 })).toEqual([])
  })

  test('An old Node and a clock that differs from that of the database are found', async () => {
    expect(ids(checkNode('18.20.0'))).toEqual(['host.node'])
    expect(checkNode()).toEqual([])
    const { read } = server().store
    expect(ids(await checkClock(read, () => Date.now() + 60_000))).toEqual(['host.clock'])
    expect(await checkClock(read)).toEqual([])
  })
})

test('Every check has an id of its own, and a sentence about a mend where there is one', () => {
  const ids = allChecks.map(({ id }) => id)
  expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([])
  expect(
    allChecks
      .filter(({ mends }) => mends !== null)
      .map(({ id }) => id)
      .toSorted(),
  ).toEqual([...mendable].toSorted())
  expect(allChecks.filter(({ meaning, remedy }) => !meaning.endsWith('.') || !/[.]$/.test(remedy)).map(({ id }) => id)).toEqual([])
})
