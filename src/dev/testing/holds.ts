import { expect } from 'vitest'
import type { ActivityRow } from '../../platform/db/types.ts'
import type { Answer, Client, TestAgent, TestRun, TestServer } from './world.ts'

/** The columns of an issue that belong to its hold, read from its row. */
export interface HoldRow {
  readonly status: string
  readonly assigneeAgentId: string | null
  readonly assigneeUserId: string | null
  readonly checkoutRunId: string | null
  readonly executionRunId: string | null
  readonly executionAgentNameKey: string | null
  readonly executionLockedAt: string | null
  readonly lockEpoch: number
}

/** The four hold columns of an issue that no run holds. */
export const NO_HOLD = { checkoutRunId: null, executionRunId: null, executionAgentNameKey: null, executionLockedAt: null }

const queryOne = async <T extends object>(server: TestServer, text: string, values: unknown[]): Promise<T> => {
  const { rows } = await server.database.sql.query<T>(text, values)
  const [row] = rows
  if (row === undefined) throw new Error(`no row: ${text}`)
  return row
}

/** The hold columns of an issue. */
export const holdRow = (server: TestServer, issueId: string): Promise<HoldRow> =>
  queryOne(
    server,
    `select status, assignee_agent_id as "assigneeAgentId", assignee_user_id as "assigneeUserId", checkout_run_id as "checkoutRunId",
       execution_run_id as "executionRunId", execution_agent_name_key as "executionAgentNameKey",
       execution_locked_at as "executionLockedAt", lock_epoch as "lockEpoch" from issues where id = $1`,
    [issueId],
  )

/** Puts leftovers into an issue's row, as imported data or an older server may have left them. */
export async function plantColumns(
  server: TestServer,
  issueId: string,
  columns: Partial<Record<keyof HoldRow, string | null>>,
): Promise<void> {
  for (const [key, value] of Object.entries(columns)) {
    const column = key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    await server.database.sql.query(`update issues set ${column} = $2 where id = $1`, [issueId, value])
  }
}

/** Every audit row of one thing, oldest first. */
export async function auditsOf(server: TestServer, entityId: string): Promise<ActivityRow[]> {
  const { rows } = await server.database.sql.query<ActivityRow>(
    `select id, seq, company_id as "companyId", actor_type as "actorType", actor_id as "actorId", action, entity_type as "entityType",
       entity_id as "entityId", agent_id as "agentId", run_id as "runId", details, created_at as "createdAt"
     from activity_log where entity_id = $1 order by seq`,
    [entityId],
  )
  return rows
}

/** Everything that a refused request may not have touched, leases and last-seen marks aside. */
async function snapshotState(server: TestServer): Promise<object> {
  return await queryOne(
    server,
    `select (select count(*) from activity_log) as audit,
       (select md5(string_agg(i::text, '|' order by i.id)) from issues i) as issues,
       (select md5(string_agg(concat_ws(',', r.id, r.status, r.error_code, r.issue_id), '|' order by r.id)) from heartbeat_runs r) as runs,
       (select md5(string_agg(w::text, '|' order by w.id)) from wakes w) as wakes,
       (select md5(string_agg(concat_ws(',', a.id, a.status, a.updated_at), '|' order by a.id)) from agents a) as agents,
       (select count(*) from issue_lock_evictions) as evictions, (select count(*) from issue_comments) as comments`,
    [],
  )
}

/**
 * Expects a request to be refused and to have changed nothing at all: no row, no audit row, no message.
 * @returns the answer, for more to be asserted on it
 */
export async function expectRefused(server: TestServer, send: () => Promise<Answer>, status: number, code: string): Promise<Answer> {
  const before = await snapshotState(server)
  const messages = server.messages.length
  const answer = await send()
  expect({ status: answer.status, code: answer.body.code }, answer.text).toEqual({ status, code })
  expect(await snapshotState(server)).toEqual(before)
  expect(server.messages.length).toBe(messages)
  return answer
}

/** Expects a request to be answered 200 or 201 and to have changed nothing at all. */
export async function expectUnchanged(server: TestServer, send: () => Promise<Answer>): Promise<Answer> {
  const before = await snapshotState(server)
  const answer = await send()
  expect([200, 201], answer.text).toContain(answer.status)
  expect(await snapshotState(server)).toEqual(before)
  return answer
}

/** Speaks with the agent's API key and names the run in the header. */
export const keyClientForRun = (agent: TestAgent, run: TestRun | string): Client =>
  agent.client.with({ 'x-paperclip-run-id': typeof run === 'string' ? run : run.id })

/** Gives an agent a permission beyond its role. */
export async function grant(server: TestServer, companyId: string, agentId: string, permissionKey: string): Promise<void> {
  await server.database.sql.query(
    `insert into principal_permission_grants (company_id, principal_type, principal_id, permission_key) values ($1, 'agent', $2, $3)`,
    [companyId, agentId, permissionKey],
  )
}

/** Takes a permission away again; `tasks:assign` is one that every agent is created with. */
export async function revokeGrant(server: TestServer, agentId: string, permissionKey: string): Promise<void> {
  await server.database.sql.query('delete from principal_permission_grants where principal_id = $1 and permission_key = $2', [
    agentId,
    permissionKey,
  ])
}

export interface WakeRow {
  readonly id: string
  readonly agentId: string
  readonly status: string
  readonly reason: string
  readonly coalescedCount: number
  readonly closeReason: string | null
  readonly runId: string | null
}

/** Wakes of an issue, oldest first. */
export async function wakesOf(server: TestServer, issueId: string): Promise<WakeRow[]> {
  const { rows } = await server.database.sql.query<WakeRow>(
    `select id, agent_id as "agentId", status, reason, coalesced_count as "coalescedCount", close_reason as "closeReason", run_id as "runId"
     from wakes where issue_id = $1 order by created_at, id`,
    [issueId],
  )
  return rows
}

/** The status and the end of a run, straight from its row. */
export const runRow = (
  server: TestServer,
  runId: string,
): Promise<{ status: string; errorCode: string | null; finishedAt: string | null }> =>
  queryOne(server, 'select status, error_code as "errorCode", finished_at as "finishedAt" from heartbeat_runs where id = $1', [runId])

/**
 * How many transactions Postgres has ended to break a deadlock in this database (I13). A connection reports what it met
 * when it closes, so stop the servers in question first.
 */
export async function countDeadlocks(server: TestServer): Promise<number> {
  const { deadlocks: count } = await queryOne<{ deadlocks: number }>(
    server,
    'select deadlocks from pg_stat_database where datname = current_database()',
    [],
  )
  return count
}

/** Waits until something is so, by asking again; fails the test when it never is. */
export async function waitUntil(description: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 45_000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`never came true: ${description}`)
    await new Promise((resolve) => void setTimeout(resolve, 10))
  }
}

/** How many connections of this database wait for a lock. It asks outside of every transaction, because one sees the activity of others as it was at its first look. */
export async function countLockWaiters(server: TestServer): Promise<number> {
  const { waiting } = await queryOne<{ waiting: number }>(
    server,
    `select count(*)::int as waiting from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    [],
  )
  return waiting
}

/** Waits until another connection of this database waits for a lock. */
export const waitForLockWaiter = (server: TestServer): Promise<void> =>
  waitUntil('a transaction waits for a row lock', async () => (await countLockWaiters(server)) > 0)

/** Inserts a wake of an agent that waits for an issue, as the last of those that wait. */
export async function insertDeferredWake(server: TestServer, issueId: string, agentId: string): Promise<void> {
  await server.database.sql.query(
    `insert into wakes (company_id, agent_id, issue_id, source, reason, status, requested_by_actor_type, requested_by_actor_id, created_at)
     select company_id, $2, id, 'on_demand', 'asked', 'deferred_issue_execution', 'user', 'local-board', now() + interval '1 minute' from issues where id = $1`,
    [issueId, agentId],
  )
}
