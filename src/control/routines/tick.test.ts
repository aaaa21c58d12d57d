import { afterEach, describe, expect, test } from 'vitest'
import { wakesOf } from '../../dev/testing/holds.ts'
import { spend } from '../../dev/testing/budgets.ts'
import { addTrigger, createRoutine, nowOf, passUntil, runsOf } from '../../dev/testing/routines.ts'
import { lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { World } from '../../dev/testing/world.ts'
import { nextTimes } from '../../platform/cron/index.ts'
import { MISSED_AFTER_S, RUN_DAYS } from './limits.ts'
import { forgetRuns, tickRoutines } from './index.ts'

const server = useServer()
const board = () => server().board
const tick = () => tickRoutines(server().store)

interface Scheduled {
  readonly here: World
  readonly agentId: string
  readonly routineId: string
  readonly triggerId: string
  readonly nextRunAt: string
}

/** A routine with one schedule. */
async function scheduled(cronExpression: string, fields: Record<string, unknown> = {}, timezone = 'UTC'): Promise<Scheduled> {
  const here = await world(server())
  const agent = await here.agent()
  const { id } = await createRoutine(server(), here, { assigneeAgentId: agent.id, concurrencyPolicy: 'always_enqueue', ...fields })
  const { trigger } = await addTrigger(id, { kind: 'schedule', cronExpression, timezone }, board())
  return { here, agentId: agent.id, routineId: id, triggerId: trigger.id, nextRunAt: trigger.nextRunAt }
}

const nextOf = async (triggerId: string) =>
  (await server().database.sql.query('select next_run_at as at from routine_triggers where id = $1', [triggerId])).rows[0]?.at

// The schedules of one test would be fired by the ticks of all tests after it, hundreds of them.
afterEach(async () => {
  await server().database.sql.query('update routine_triggers set next_run_at = null')
})

describe('a due time', () => {
  test('It is fired once, with the run, the issue, the wake and the audit in one transaction, and never before it is due', async () => {
    const { routineId, triggerId, agentId, nextRunAt } = await scheduled('*/10 * * * *')
    await tick()
    expect(await runsOf(server(), routineId)).toEqual([])
    await passUntil(server(), nextRunAt)
    await tick()
    const [run, ...others] = await runsOf(server(), routineId)
    expect(others).toEqual([])
    expect(run).toMatchObject({ status: 'issue_created', source: 'schedule', dueAt: nextRunAt, triggerId })
    expect((await board().get(`/api/issues/${run?.issueId}`)).body).toMatchObject({
      originKind: 'routine_execution',
      originId: routineId,
      originRunId: run?.id,
    })
    expect(await wakesOf(server(), run?.issueId ?? '')).toMatchObject([{ agentId, status: 'queued' }])
    expect(await lastAudit(server(), run?.id ?? '', 'routine.run_triggered')).toMatchObject({
      actorType: 'system',
      actorId: 'routines',
      details: { dueAt: nextRunAt },
    })
    expect(await nextOf(triggerId)).toBe(new Date(Date.parse(nextRunAt) + 600_000).toISOString())
    await tick()
    expect(await runsOf(server(), routineId)).toHaveLength(1)
  })

  test('A clock that is set back fires nothing a second time', async () => {
    const { routineId, triggerId, nextRunAt } = await scheduled('*/10 * * * *')
    await passUntil(server(), nextRunAt)
    await tick()
    const next = await nextOf(triggerId)
    await server().database.passTime('-1 hour')
    await tick()
    // A change of the schedule does not bring the times back that were fired, either.
    await board().patch(`/api/routine-triggers/${triggerId}`, { cronExpression: '*/5 * * * *' })
    expect((await nextOf(triggerId)) > nextRunAt).toBe(true)
    await server().database.passTime('1 hour')
    await tick()
    expect((await runsOf(server(), routineId)).map(({ dueAt }) => dueAt)).toEqual([nextRunAt])
    expect(next > nextRunAt).toBe(true)
  })

  test('A routine that is paused, and a trigger that is off, are due at no time, and go on with the next one', async () => {
    const { routineId, triggerId, nextRunAt } = await scheduled('*/10 * * * *')
    await board().patch(`/api/routines/${routineId}`, { status: 'paused' })
    expect(await nextOf(triggerId)).toBeNull()
    await passUntil(server(), nextRunAt)
    await board().patch(`/api/routines/${routineId}`, { status: 'active' })
    await board().patch(`/api/routine-triggers/${triggerId}`, { enabled: false })
    expect(await nextOf(triggerId)).toBeNull()
    await board().patch(`/api/routine-triggers/${triggerId}`, { enabled: true })
    expect((await nextOf(triggerId)) > (await nowOf(server()))).toBe(true)
    await tick()
    expect(await runsOf(server(), routineId)).toEqual([])
  })

  test('A company that is archived has no due times, and after it is restored the policy decides about those that it missed', async () => {
    const { here, routineId, nextRunAt } = await scheduled('*/10 * * * *')
    await board().post(`/api/companies/${here.company.id}/archive`, {})
    await passUntil(server(), nextRunAt)
    await server().database.passTime('1 hour')
    await tick()
    expect(await runsOf(server(), routineId)).toEqual([])
    expect((await board().patch(`/api/companies/${here.company.id}`, { status: 'active' })).status).toBe(200)
    await tick()
    const [missed] = await runsOf(server(), routineId)
    expect(missed).toMatchObject({ status: 'skipped', dueAt: nextRunAt })
  })

  test('However many schedules of one company are due, that of another one is among the first', async () => {
    const [many, few] = [await scheduled('* * * * *'), await scheduled('* * * * *')]
    const { sql } = server().database
    await sql.query(
      `with r as (insert into routines (company_id, title, assignee_agent_id) select $1, 'R', $2 from generate_series(1, 15) returning id)
       insert into routine_triggers (company_id, routine_id, kind, cron_expression, timezone, next_run_at)
         select $1, r.id, 'schedule', '* * * * *', 'UTC', now() - interval '20 seconds' from r, generate_series(1, 20)`,
      [many.here.company.id, many.agentId],
    )
    await sql.query(`update routine_triggers set next_run_at = now() - interval '10 seconds' where id = $1`, [few.triggerId])
    await tick()
    const { rows } = await sql.query<{ routineId: string }>(
      `select routine_id as "routineId" from routine_runs where company_id = any($1) order by created_at, id`,
      [[many.here.company.id, few.here.company.id]],
    )
    expect(rows.length).toBeGreaterThan(300)
    expect(rows.findIndex(({ routineId }) => routineId === few.routineId)).toBeLessThan(20)
  })

  test('A run ends with its issue: completed when it is done, failed when it is cancelled or deleted', async () => {
    const { routineId } = await scheduled('0 0 1 1 *')
    const runs = []
    for (let count = 0; count < 3; count += 1) runs.push((await board().post(`/api/routines/${routineId}/run`, {})).body)
    await board().patch(`/api/issues/${runs[0].linkedIssueId}`, { status: 'done' })
    await board().patch(`/api/issues/${runs[1].linkedIssueId}`, { status: 'cancelled' })
    expect((await board().del(`/api/issues/${runs[2].linkedIssueId}`)).status).toBe(200)
    await Promise.all([tick(), tick(), tick(), tick()])
    const ended = (await board().get(`/api/routines/${routineId}/runs`)).body.toReversed()
    expect(ended).toMatchObject([
      { status: 'completed', failureReason: null },
      { status: 'failed', failureReason: 'The issue was cancelled' },
      { status: 'failed', failureReason: 'The issue was deleted', linkedIssue: null },
    ])
    expect(ended.every(({ completedAt }: { completedAt: string | null }) => completedAt !== null)).toBe(true)
    expect(await lastAudit(server(), runs[0].id, 'routine.run_finished')).toMatchObject({ details: { status: 'completed' } })
  })

  test('A run whose issue is open again is not ended, and one whose close was not noted is ended by the retention', async () => {
    const { routineId } = await scheduled('0 0 1 1 *')
    const [reopened, unnoted] = [
      (await board().post(`/api/routines/${routineId}/run`, {})).body,
      (await board().post(`/api/routines/${routineId}/run`, {})).body,
    ]
    for (const { linkedIssueId } of [reopened, unnoted]) await board().patch(`/api/issues/${linkedIssueId}`, { status: 'done' })
    await board().patch(`/api/issues/${reopened.linkedIssueId}`, { status: 'todo' })
    await server().database.sql.query('update routine_runs set issue_closed = false where id = $1', [unnoted.id])
    await tick()
    const statuses = async () => new Map((await runsOf(server(), routineId)).map(({ id, status }) => [id, status]))
    expect([...(await statuses()).values()]).toEqual(['issue_created', 'issue_created'])
    await forgetRuns(server().store)
    expect(Object.fromEntries(await statuses())).toEqual({ [reopened.id]: 'issue_created', [unnoted.id]: 'completed' })
    await board().patch(`/api/issues/${reopened.linkedIssueId}`, { status: 'done' })
    await tick()
    expect((await statuses()).get(reopened.id)).toBe('completed')
  })

  test('A required variable without a default makes no schedule, and one that comes later makes failed runs, while other routines go on', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const needy = await createRoutine(server(), here, { assigneeAgentId: agent.id, variables: [{ name: 'a' }] })
    expect((await board().post(`/api/routines/${needy.id}/triggers`, { kind: 'schedule', cronExpression: '0 9 * * *' })).status).toBe(422)
    const [failing, other] = [await scheduled('*/10 * * * *'), await scheduled('*/10 * * * *')]
    expect((await board().patch(`/api/routines/${failing.routineId}`, { variables: [{ name: 'a' }] })).status).toBe(422)
    // As an older version, or a hand in the database, may have left it.
    await server().database.sql.query(
      `update routines set title = '{{a}}', variables = '[{"name":"a","label":null,"type":"text","defaultValue":null,"required":true,"options":[]}]' where id = $1`,
      [failing.routineId],
    )
    await passUntil(server(), failing.nextRunAt)
    await tick()
    expect(await runsOf(server(), failing.routineId)).toMatchObject([
      { status: 'failed', reason: 'Missing values of variables: a', issueId: null },
    ])
    expect(await runsOf(server(), other.routineId)).toMatchObject([{ status: 'issue_created' }])
    expect((await nextOf(failing.triggerId)) > failing.nextRunAt).toBe(true)
  })

  test('A routine that fails for a fault of the server keeps no other from its turn, and is tried again', async () => {
    const [broken, other] = [await scheduled('*/10 * * * *'), await scheduled('*/10 * * * *')]
    await server().database.sql.query(
      `create function break_routine() returns trigger language plpgsql as $$ begin if new.routine_id = '${broken.routineId}' then raise exception 'broken'; end if; return new; end $$`,
    )
    await server().database.sql.query(
      'create trigger break_routine before insert on routine_runs for each row execute function break_routine()',
    )
    await passUntil(server(), broken.nextRunAt)
    await expect(tick()).rejects.toThrow('some routines could not be run')
    expect([(await runsOf(server(), broken.routineId)).length, (await runsOf(server(), other.routineId)).length]).toEqual([0, 1])
    await server().database.sql.query('drop trigger break_routine on routine_runs')
    await tick()
    expect(await runsOf(server(), broken.routineId)).toMatchObject([{ status: 'issue_created', dueAt: broken.nextRunAt }])
  })

  test.each([
    ['company_paused', "update companies set status = 'paused', pause_reason = 'manual' where id = $1", 'company'],
    ['agent_not_invokable', "update agents set status = 'paused', pause_reason = 'manual', paused_at = now() where id = $1", 'agent'],
  ] as const)('A due time is recorded as skipped with the reason %s', async (why, sql, subject) => {
    const { here, agentId, routineId, nextRunAt } = await scheduled('*/10 * * * *')
    await server().database.sql.query(sql, [subject === 'company' ? here.company.id : agentId])
    await passUntil(server(), nextRunAt)
    await tick()
    const [run] = await runsOf(server(), routineId)
    expect(run).toMatchObject({ status: 'skipped', dueAt: nextRunAt, issueId: null })
    expect(await lastAudit(server(), run?.id ?? '', 'routine.run_triggered')).toMatchObject({ details: { why } })
  })

  test('A project that is paused or archived, and a budget that is used up, skip the run', async () => {
    const here = await world(server())
    const agent = await here.agent({ budgetMonthlyCents: 100 })
    const project = (await board().post(`/api/companies/${here.company.id}/projects`, { name: 'Post' })).body
    const { id } = await createRoutine(server(), here, { assigneeAgentId: agent.id, projectId: project.id })
    const why = async () => {
      const { body } = await board().post(`/api/routines/${id}/run`, {})
      return (await lastAudit(server(), body.id, 'routine.run_triggered')).details['why']
    }
    await server().database.sql.query("update projects set paused_at = now(), pause_reason = 'budget' where id = $1", [project.id])
    expect(await why()).toBe('project_paused')
    await server().database.sql.query('update projects set paused_at = null, pause_reason = null, archived_at = now() where id = $1', [
      project.id,
    ])
    expect(await why()).toBe('project_archived')
    await server().database.sql.query('update projects set archived_at = null where id = $1', [project.id])
    await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 100, occurredAt: await nowOf(server()) })
    expect(await why()).toBe('budget_exhausted')
  })
})

describe('after a time without a server', () => {
  test('Missed times are left out with one record of them, and what is late by less than the limit is fired', async () => {
    const { routineId, triggerId, nextRunAt } = await scheduled('0 * * * *')
    await server().database.passTime('61 hours')
    await tick()
    const now = await nowOf(server())
    const runs = await runsOf(server(), routineId)
    expect(runs[0]).toMatchObject({ status: 'skipped', dueAt: nextRunAt, reason: expect.stringMatching(/No server ran/) })
    expect(runs.length).toBeLessThanOrEqual(2)
    for (const late of runs.slice(1)) expect(Date.parse(now) - Date.parse(late.dueAt ?? '')).toBeLessThan(MISSED_AFTER_S * 1000)
    expect((await nextOf(triggerId)) > now).toBe(true)
  })

  test('With the other policy the latest 25 are made up for, each once, the ones before them with one record', async () => {
    const { routineId, triggerId, nextRunAt } = await scheduled('0 * * * *', { catchUpPolicy: 'enqueue_missed_with_cap' })
    await server().database.passTime('61 hours')
    const peer = await server().startPeer()
    await Promise.all([tick(), tickRoutines(peer.store), tick()])
    await tick()
    await peer.stop()
    const now = await nowOf(server())
    const all = nextTimes('0 * * * *', 'UTC', new Date(Date.parse(nextRunAt) - 1).toISOString(), 100).filter((time) => time <= now)
    const runs = await runsOf(server(), routineId)
    expect(runs[0]).toMatchObject({ status: 'skipped', dueAt: nextRunAt })
    expect(runs.slice(1).map(({ dueAt }) => dueAt)).toEqual(all.slice(-25))
    expect(runs.slice(1).every(({ status }) => status === 'issue_created')).toBe(true)
    expect((await nextOf(triggerId)) > now).toBe(true)
  })

  test('A year of minutes is made up for in a bounded time', async () => {
    const { routineId } = await scheduled(
      '* * * * *',
      { catchUpPolicy: 'enqueue_missed_with_cap', concurrencyPolicy: 'coalesce_if_active' },
      'Europe/Berlin',
    )
    await server().database.passTime('365 days')
    await tick()
    const runs = await runsOf(server(), routineId)
    expect(runs.length).toBeGreaterThanOrEqual(26)
    expect(runs.length).toBeLessThanOrEqual(28)
    expect(runs.filter(({ status }) => status === 'issue_created')).toHaveLength(1)
  })
})

describe('the record of runs', () => {
  test('Runs are deleted 90 days after they have ended, with a record of how many', async () => {
    const { routineId, here } = await scheduled('0 0 1 1 *')
    const [open, ended] = [
      await board().post(`/api/routines/${routineId}/run`, {}),
      await board().post(`/api/routines/${routineId}/run`, {}),
    ]
    await board().patch(`/api/issues/${ended.body.linkedIssueId}`, { status: 'done' })
    await tick()
    await server().database.sql.query(
      `insert into routine_runs (company_id, routine_id, source, status, created_at) select $1, $2, 'manual', 'skipped', now() - make_interval(days => $3)
         from generate_series(1, 250)`,
      [here.company.id, routineId, RUN_DAYS + 1],
    )
    const ids = [open.body.id, ended.body.id]
    await server().database.sql.query('update routine_runs set created_at = now() - make_interval(days => $2) where id = any($1)', [
      ids,
      RUN_DAYS + 1,
    ])
    await forgetRuns(server().store)
    expect(new Set((await runsOf(server(), routineId)).map(({ id }) => id))).toEqual(new Set(ids))
    expect(await lastAudit(server(), here.company.id, 'routine.runs_forgotten')).toMatchObject({ actorId: 'retention' })
  })
})
