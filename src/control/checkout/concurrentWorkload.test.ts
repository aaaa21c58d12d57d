import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cloneDatabase } from '../../dev/testing/database.ts'
import type { TestDatabase } from '../../dev/testing/database.ts'
import { seededRandom } from '../../dev/testing/seededRandom.ts'
import type { SeededRandom } from '../../dev/testing/seededRandom.ts'
import { countDeadlocks, holdRow } from '../../dev/testing/holds.ts'
import { race } from '../../dev/testing/race.ts'
import { expireLease, useServer, world } from '../../dev/testing/world.ts'
import type { Answer, Client, TestAgent, TestServer, World } from '../../dev/testing/world.ts'
import { reap } from '../../scheduler/reap.ts'

const server = useServer()

const CLIENTS = 40
const STEPS = 30
const HOT_ISSUES = 5
const SEED = 20260422

/** One request and its answer. */
interface Operation {
  readonly requestId: string
  readonly name: string
  readonly runId: string | null
  readonly answer: Answer
}

interface Workload {
  readonly here: World
  readonly servers: readonly TestServer[]
  readonly agents: readonly TestAgent[]
  readonly issueIds: readonly string[]
  readonly runIds: string[]
  readonly history: Operation[]
}

type Step = readonly [name: string, send: (client: Client, headers: Record<string, string>) => Promise<Answer>]

async function perform(workload: Workload, client: Client, runId: string | null, [name, send]: Step): Promise<Answer> {
  const requestId = `workload-${workload.history.length}-${Math.floor(performance.now() * 1000)}`
  const answer = await send(client, { 'x-request-id': requestId })
  workload.history.push({ requestId, name, runId, answer })
  return answer
}

/** The next request of an agent in a run. */
function agentStep(workload: Workload, agentId: string, runId: string, { next: roll, pick }: SeededRandom): Step {
  const path = `/api/issues/${pick(workload.issueIds)}`
  const title = `Title ${roll()}`
  const steps: readonly Step[] = [
    ['checkout', (c, h) => c.post(`${path}/checkout`, { agentId, expectedStatuses: ['todo', 'backlog', 'in_review', 'blocked'] }, h)],
    ['checkout', (c, h) => c.post(`${path}/checkout`, { agentId, expectedStatuses: ['todo', 'done', 'cancelled'] }, h)],
    ['patch', (c, h) => c.patch(path, { title }, h)],
    ['patch', (c, h) => c.patch(path, { title, status: pick(['todo', 'in_progress', 'in_review', 'done']) }, h)],
    ['patch', (c, h) => c.patch(path, { title }, { ...h, 'x-paperclip-lock-epoch': String(Math.floor(roll() * 20)) })],
    ['patch', (c, h) => c.patch(path, { title, assigneeAgentId: pick(workload.agents).id }, h)],
    ['comment', (c, h) => c.post(`${path}/comments`, { body: `Hello @${pick(workload.agents).name}` }, h)],
    ['comment', (c, h) => c.post(`${path}/comments`, { body: 'Again', reopen: true }, h)],
    ['release', (c, h) => c.post(`${path}/release`, undefined, h)],
    [
      'claim',
      (c, h) => c.post(`/api/companies/${workload.here.company.id}/issues/claim`, { statuses: ['todo', 'backlog', 'in_review'] }, h),
    ],
    ['heartbeat', (c, h) => c.post(`/api/heartbeat-runs/${runId}/heartbeat`, undefined, h)],
    ['finish', (c, h) => c.post(`/api/heartbeat-runs/${runId}/finish`, { status: pick(['succeeded', 'failed']) }, h)],
  ]
  return pick(steps)
}

/** The next request of an operator. */
function boardStep(workload: Workload, { next: roll, pick }: SeededRandom): Step {
  const path = `/api/issues/${pick(workload.issueIds)}`
  const agent = pick(workload.agents)
  const title = `Title ${roll()}`
  const steps: readonly Step[] = [
    ['force', (c, h) => c.post(`${path}/admin/force-release?clearAssignee=${roll() < 0.5}`, { cancelRun: roll() < 0.3 }, h)],
    ['force', (c, h) => c.post(`${path}/admin/force-release`, { expectedRunId: pick(workload.runIds) }, h)],
    ['release', (c, h) => c.post(`${path}/release`, undefined, h)],
    ['cancel', (c, h) => c.post(`/api/heartbeat-runs/${pick(workload.runIds)}/cancel`, undefined, h)],
    [
      'patch',
      (c, h) => c.patch(path, { title, assigneeAgentId: agent.id, assigneeUserId: null, status: pick(['todo', 'in_progress']) }, h),
    ],
    ['patch', (c, h) => c.patch(path, { title, status: 'todo' }, h)],
    ['patch', (c, h) => c.patch(path, { title, comment: 'Stop', interrupt: true }, h)],
    ['comment', (c, h) => c.post(`${path}/comments`, { body: 'A word', reopen: true }, h)],
    ['stand', (c, h) => c.post(`/api/agents/${agent.id}/pause`, undefined, h)],
    ['stand', (c, h) => c.post(`/api/agents/${agent.id}/resume`, undefined, h)],
    ['stand', (c, h) => c.post(`/api/agents/${agent.id}/resume`, undefined, h)],
    ['checkout', (c, h) => c.post(`${path}/checkout`, { agentId: agent.id, expectedStatuses: ['todo'] }, h)],
  ]
  return pick(steps)
}

/** Plays an agent: opens a run, works in it until it ends, and opens the next. */
async function runAgentClient(workload: Workload, index: number): Promise<void> {
  const chance = seededRandom(SEED + index)
  const agent = workload.agents[index % workload.agents.length] as TestAgent
  const through = workload.servers[index % workload.servers.length] as TestServer
  const byKey = through.bearer(agent.key)
  let run: { id: string; client: Client } | null = null
  for (let step = 0; step < STEPS; step += 1) {
    if (run === null) {
      const about = chance.next() < 0.5 ? { issueId: chance.pick(workload.issueIds) } : {}
      const opened = await perform(workload, byKey, null, ['open', (c, h) => c.post(`/api/agents/${agent.id}/runs`, about, h)])
      if (opened.status !== 201) continue
      const { id } = opened.body.run
      workload.runIds.push(id)
      run = { id, client: chance.next() < 0.5 ? through.bearer(opened.body.token) : byKey.with({ 'x-paperclip-run-id': id }) }
    }
    const answer = await perform(workload, run.client, run.id, agentStep(workload, agent.id, run.id, chance))
    if (answer.status === 401 || answer.body.code === 'run_ended' || workload.history.at(-1)?.name === 'finish') run = null
  }
}

async function runBoardClient(workload: Workload, index: number): Promise<void> {
  const chance = seededRandom(SEED + 1000 + index)
  const through = workload.servers[index % workload.servers.length] as TestServer
  for (let step = 0; step < STEPS; step += 1) {
    await perform(workload, through.board, null, boardStep(workload, chance))
    // Time passes: the lease of some run expires, and sometimes the reaper runs.
    if (chance.next() < 0.3 && workload.runIds.length > 0) await expireLease(through, chance.pick(workload.runIds))
    if (chance.next() < 0.2) await reap(through.store)
  }
}

/** An operator ends a hold, and its run writes once more: which run meets this in the races is chance. */
async function writeAfterForceRelease(workload: Workload): Promise<void> {
  const { here, servers, agents } = workload
  const through = servers[0] as TestServer
  const { id: agentId, key } = agents[0] as TestAgent
  await through.board.post(`/api/agents/${agentId}/resume`)
  const { id: issueId } = await here.issue()
  const path = `/api/issues/${issueId}`
  const opened = await perform(workload, through.bearer(key), null, ['open', (c, h) => c.post(`/api/agents/${agentId}/runs`, undefined, h)])
  const runId: string = opened.body.run.id
  const client = through.bearer(opened.body.token)
  await perform(workload, client, runId, [
    'checkout',
    (c, h) => c.post(`${path}/checkout`, { agentId, expectedStatuses: ['todo', 'backlog'] }, h),
  ])
  await perform(workload, through.board, null, ['force', (c, h) => c.post(`${path}/admin/force-release`, {}, h)])
  await perform(workload, client, runId, ['patch', (c, h) => c.patch(path, { title: 'After the end' }, h)])
}

/** Makes Postgres check I1 and I5 at every commit: a transaction that breaks them cannot commit, and shows as a 500. */
const checkAtCommit = `
create function check_hold() returns trigger language plpgsql as $$
declare issue issues; holders int;
begin
  select * into issue from issues where id = case when TG_TABLE_NAME = 'issues' then (to_jsonb(NEW)->>'id')::uuid
    else (to_jsonb(NEW)->>'issue_id')::uuid end;
  if not found then return null; end if;
  select count(*) into holders from heartbeat_runs r where r.id in (issue.checkout_run_id, issue.execution_run_id)
    and r.company_id = issue.company_id and r.status in ('queued', 'running') and r.lease_expires_at > clock_timestamp();
  if holders > 1 then raise exception 'I1: % live holders of %', holders, issue.id; end if;
  if exists (select 1 from heartbeat_runs r where r.id in (issue.checkout_run_id, issue.execution_run_id)
    and r.status in ('queued', 'running') and r.lease_expires_at > clock_timestamp()
    and (r.agent_id is distinct from issue.assignee_agent_id or r.company_id <> issue.company_id or issue.status <> 'in_progress'))
    then raise exception 'I1: a live holder of % that is not a run of its assignee in progress', issue.id; end if;
  if exists (select 1 from issue_lock_evictions e where e.issue_id = issue.id and e.run_id in (issue.checkout_run_id, issue.execution_run_id))
    then raise exception 'I5: an evicted run holds %', issue.id; end if;
  return null;
end $$;
create constraint trigger check_hold after insert or update on issues deferrable initially deferred for each row execute function check_hold();
create constraint trigger check_hold after insert on issue_lock_evictions deferrable initially deferred for each row execute function check_hold();`

interface Row {
  readonly seq: number
  readonly txid: string
  readonly action: string
  readonly actorType: string
  readonly actorId: string
  readonly runId: string | null
  readonly requestId: string | null
  readonly entityId: string
  readonly details: Readonly<Record<string, unknown>>
}

const auditRows = async (companyId: string): Promise<Row[]> =>
  (
    await server().database.sql.query<Row>(
      `select seq, txid::text, action, actor_type as "actorType", actor_id as "actorId", run_id as "runId", request_id as "requestId",
         entity_id as "entityId", details from activity_log where company_id = $1 order by seq`,
      [companyId],
    )
  ).rows

const holdActions = new Set([
  'issue.checked_out',
  'issue.checkout_lock_adopted',
  'issue.lock_cleared',
  'issue.released',
  'issue.admin_force_release',
])

/** Replays the audit rows of one issue: its holder, its evicted runs and its epoch. Fails at a row that is not possible. */
function replay(rows: readonly Row[], governs: (row: Row) => boolean): { holder: string | null; lockEpoch: number; evicted: Set<string> } {
  let holder: string | null = null
  let lockEpoch = 0
  const evicted = new Set<string>()
  for (const row of rows) {
    const { details } = row
    const where = `${row.action} #${row.seq}`
    const isWrite = row.action === 'issue.updated' || (holdActions.has(row.action) && row.action !== 'issue.lock_cleared')
    if (row.actorType === 'agent' && isWrite) {
      expect(evicted.has(row.runId ?? ''), `I5: an evicted run wrote, ${where}`).toBe(false)
      if (row.action === 'issue.updated' && !governs(row)) {
        expect([null, row.runId], `I4: a write by a run that is not the holder, ${where}`).toContain(holder)
      }
    }
    if (holdActions.has(row.action)) {
      expect(details['lockEpoch'], `the epoch grows with every change of holder, ${where}`).toBeGreaterThan(lockEpoch)
    }
    if (typeof details['lockEpoch'] === 'number') {
      expect(details['lockEpoch'], where).toBeGreaterThanOrEqual(lockEpoch)
      lockEpoch = details['lockEpoch']
    }
    switch (row.action) {
      case 'issue.checked_out':
        holder = details['runId'] as string | null
        break
      case 'issue.checkout_lock_adopted':
        expect(details['previousCheckoutRunId'], where).toBe(holder)
        holder = details['checkoutRunId'] as string
        break
      case 'issue.lock_cleared':
        expect(details['runId'], where).toBe(holder)
        if (details['evicted'] === true && holder !== null) evicted.add(holder)
        holder = null
        break
      case 'issue.released':
        expect(details['previousCheckoutRunId'], where).toBe(holder)
        holder = null
        break
      case 'issue.admin_force_release':
        expect(details['prevCheckoutRunId'], where).toBe(holder)
        for (const id of details['evictedRunIds'] as string[]) evicted.add(id)
        holder = null
        break
    }
    if (holder !== null) expect(evicted.has(holder), `I5: an evicted run holds, ${where}`).toBe(false)
  }
  return { holder, lockEpoch, evicted }
}

/** The audit row that an accepted request must leave; `mayRepeat` when a repeated request leaves none. Other rows are consequences. */
const requiredActions: Readonly<Record<string, { readonly action: string; readonly mayRepeat: boolean }>> = {
  checkout: { action: 'issue.checked_out', mayRepeat: true },
  claim: { action: 'issue.checked_out', mayRepeat: false },
  patch: { action: 'issue.updated', mayRepeat: false },
  comment: { action: 'issue.comment_added', mayRepeat: false },
  release: { action: 'issue.released', mayRepeat: true },
  force: { action: 'issue.admin_force_release', mayRepeat: false },
  finish: { action: 'heartbeat.run_finished', mayRepeat: true },
  open: { action: 'heartbeat.run_started', mayRepeat: false },
  cancel: { action: 'heartbeat.cancelled', mayRepeat: true },
}

describe('a concurrent workload of every kind of request', () => {
  let workload: Workload
  let rows: Row[]

  beforeAll(async () => {
    const here = await world(server())
    const manager = await here.agent({ role: 'ceo' })
    const agents = [manager, ...(await Promise.all(Array.from({ length: 5 }, () => here.agent({ reportsTo: manager.id }))))]
    const issueIds = (await Promise.all(Array.from({ length: HOT_ISSUES }, () => here.issue()))).map((issue) => issue.id)
    await server().database.sql.query(checkAtCommit)
    workload = { here, servers: [await server().startPeer(), await server().startPeer()], agents, issueIds, runIds: [], history: [] }
    await race(Array.from({ length: CLIENTS }), (_, index) =>
      index % 5 === 4 ? runBoardClient(workload, index) : runAgentClient(workload, index),
    )
    await writeAfterForceRelease(workload)
    // A connection reports its deadlocks when it closes.
    for (const each of workload.servers) await each.stop()
    rows = await auditRows(here.company.id)
  }, 180_000)

  test('The workload meets no 5xx and no deadlock, and every kind of request was accepted and refused', async () => {
    const failed = workload.history.filter((operation) => operation.answer.status >= 500)
    expect(failed.map((operation) => `${operation.name}: ${operation.answer.text}`)).toEqual([])
    expect(await countDeadlocks(server())).toBe(0)
    expect(workload.history.length).toBeGreaterThanOrEqual(CLIENTS * STEPS)
    const accepted = new Set(workload.history.filter((operation) => operation.answer.status < 300).map((operation) => operation.name))
    expect([...accepted].toSorted()).toEqual([...Object.keys(requiredActions), 'heartbeat', 'stand'].toSorted())
    const codes = new Set(workload.history.map((operation) => operation.answer.body.code))
    for (const code of [
      'issue_held',
      'lock_revoked',
      'checked_out_by_other',
      'lock_epoch_mismatch',
      'holder_changed',
      'release_not_assignee',
    ]) {
      expect(codes).toContain(code)
    }
  })

  test('Every accepted request has exactly its audit row and every refused request has none (I6)', () => {
    const byRequest = new Map<string | null, Row[]>()
    for (const row of rows) byRequest.set(row.requestId, [...(byRequest.get(row.requestId) ?? []), row])
    for (const { requestId, name, answer, runId } of workload.history) {
      const left = byRequest.get(requestId) ?? []
      const what = `${name} ${requestId}: ${answer.status} ${answer.text.slice(0, 200)}`
      if (answer.status >= 400 || answer.status === 204 || name === 'heartbeat') {
        expect(left, what).toEqual([])
        continue
      }
      expect(new Set(left.map((row) => row.txid)).size, `one transaction, ${what}`).toBeLessThanOrEqual(1)
      if (runId !== null) expect(new Set(left.map((row) => row.actorType)), what).not.toContain('user')
      const rule = requiredActions[name]
      if (rule === undefined) continue
      const count = left.filter((row) => row.action === rule.action).length
      if (count === 0 && rule.mayRepeat) expect(left, `nothing happened, ${what}`).toEqual([])
      else expect(count, what).toBe(1)
    }
  })

  test('The audit rows of each issue replay to its current row: one holder at a time, growing epochs, no write of an evicted run (I1, I4, I5)', async () => {
    const manager = workload.agents[0]?.id
    let changes = 0
    for (const issueId of workload.issueIds) {
      const own = rows.filter((row) => row.entityId === issueId)
      changes += own.filter((row) => holdActions.has(row.action)).length
      const { holder, lockEpoch, evicted } = replay(own, (row) => row.actorId === manager)
      const row = await holdRow(server(), issueId)
      expect({ checkoutRunId: row.checkoutRunId, executionRunId: row.executionRunId }).toEqual({
        checkoutRunId: holder,
        executionRunId: holder,
      })
      expect(row.lockEpoch).toBe(lockEpoch)
      const { rows: lost } = await server().database.sql.query<{ id: string }>(
        'select run_id as id from issue_lock_evictions where issue_id = $1',
        [issueId],
      )
      for (const id of evicted) expect(lost.map((each) => each.id)).toContain(id)
    }
    expect(changes).toBeGreaterThan(50)
  })

  test('No issue is held by a run that has ended, and every issue can be taken again', async () => {
    await reap(server().store)
    const { rows: stale } = await server().database.sql.query(
      `select i.id from issues i left join heartbeat_runs r on r.id = i.checkout_run_id
       where i.checkout_run_id is not null and (r.id is null or r.status not in ('queued', 'running'))`,
    )
    expect(stale).toEqual([])
    const fresh = await workload.here.run(await workload.here.agent())
    for (const issueId of workload.issueIds) {
      await server().board.post(`/api/issues/${issueId}/release`)
      await server().board.patch(`/api/issues/${issueId}`, { assigneeUserId: null, status: 'todo' })
      expect((await workload.here.checkout(fresh, issueId)).status).toBe(200)
    }
  })

  test('Every run that ended has one audit row of its end', () => {
    const ends = rows.filter((row) => row.action === 'heartbeat.run_finished').map((row) => row.entityId)
    expect(new Set(ends).size).toBe(ends.length)
    expect(ends.length).toBeGreaterThan(20)
  })
})

describe('countDeadlocks', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await cloneDatabase()
  })
  afterAll(async () => {
    await database.drop()
  })

  test('A deadlock between two transactions is counted', async () => {
    await database.sql.query('create table pair (id int primary key)')
    await database.sql.query('insert into pair values (1), (2)')
    // Only the owner may shorten the time after which Postgres looks for a deadlock.
    const pool = database.open(database.owner)
    const [one, two] = [await pool.connect(), await pool.connect()]
    await one.query("begin read write; set local deadlock_timeout = '50ms'; select 1 from pair where id = 1 for update")
    await two.query('begin read write; select 1 from pair where id = 2 for update')
    const outcomes = await Promise.allSettled([
      one.query('select 1 from pair where id = 2 for update'),
      two.query('select 1 from pair where id = 1 for update'),
    ])
    expect(outcomes.map((outcome) => outcome.status).toSorted()).toEqual(['fulfilled', 'rejected'])
    one.release(true)
    two.release(true)
    await pool.end()
    const count = async () =>
      (await database.sql.query<{ deadlocks: number }>('select deadlocks from pg_stat_database where datname = current_database()')).rows[0]
        ?.deadlocks
    await expect.poll(count).toBe(1)
  })
})
