import { describe, expect, test } from 'vitest'
import { addTrigger, createRoutine, nowOf, passUntil, runsOf } from '../../dev/testing/routines.ts'
import { lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { TestAgent, World } from '../../dev/testing/world.ts'
import { MAX_SCHEDULED_PER_HOUR_OF_AGENT } from './limits.ts'
import { tickRoutines } from './index.ts'

const server = useServer()
const tick = () => tickRoutines(server().store)
const MINUTE_MS = 60_000

/** A routine of an agent that the agent made for itself. */
async function own(fields: Record<string, unknown> = {}): Promise<{ here: World; agent: TestAgent; routineId: string }> {
  const here = await world(server())
  const agent = await here.agent()
  const given = { assigneeAgentId: agent.id, concurrencyPolicy: 'always_enqueue', ...fields }
  const { id } = await createRoutine(server(), here, given, agent.client)
  return { here, agent, routineId: id }
}

/** A schedule that is due each hour in the minute that begins so many minutes behind the present one. */
async function inMinutes(count: number): Promise<string> {
  return `${new Date(Date.parse(await nowOf(server())) + count * MINUTE_MS).getUTCMinutes()} * * * *`
}

const statusesOf = async (routineId: string) => (await runsOf(server(), routineId)).map(({ status }) => status)

describe('the interval of schedules that an agent sets', () => {
  test('A schedule that is written anew before each time runs as rarely as one that stays', async () => {
    const { agent, routineId } = await own()
    const { trigger } = await addTrigger(routineId, { kind: 'schedule', cronExpression: await inMinutes(2) }, agent.client)
    await passUntil(server(), trigger.nextRunAt)
    await tick()
    for (let count = 0; count < 3; count += 1) {
      const patched = await agent.client.patch(`/api/routine-triggers/${trigger.id}`, { cronExpression: await inMinutes(2) })
      expect(patched.status, patched.text).toBe(200)
      await passUntil(server(), patched.body.nextRunAt)
      await tick()
    }
    expect(await statusesOf(routineId)).toEqual(['issue_created', 'skipped', 'skipped', 'skipped'])
    const last = (await runsOf(server(), routineId)).at(-1)
    expect(last).toMatchObject({ reason: expect.stringContaining('15 minutes') })
    expect(await lastAudit(server(), last?.id ?? '', 'routine.run_triggered')).toMatchObject({ details: { why: 'agent_interval' } })
    await passUntil(server(), new Date(Date.parse(trigger.nextRunAt) + 15 * MINUTE_MS).toISOString())
    const later = await agent.client.patch(`/api/routine-triggers/${trigger.id}`, { cronExpression: await inMinutes(2) })
    await passUntil(server(), later.body.nextRunAt)
    await tick()
    expect((await statusesOf(routineId)).at(-1)).toBe('issue_created')
  })

  test('Several triggers of one routine run it together as rarely as one, and a trigger that is deleted and made again does', async () => {
    const { agent, routineId } = await own()
    const first = await addTrigger(routineId, { kind: 'schedule', cronExpression: await inMinutes(2) }, agent.client)
    await addTrigger(routineId, { kind: 'schedule', cronExpression: await inMinutes(7) }, agent.client)
    await passUntil(server(), first.trigger.nextRunAt)
    await tick()
    expect((await agent.client.del(`/api/routine-triggers/${first.trigger.id}`)).status).toBe(204)
    await addTrigger(routineId, { kind: 'schedule', cronExpression: await inMinutes(3) }, agent.client)
    for (const minutes of [4, 2]) {
      await server().database.passTime(`${minutes} minutes`)
      await tick()
    }
    expect(await statusesOf(routineId)).toEqual(['issue_created', 'skipped', 'skipped'])
  })

  test('A schedule that the board has written is bound by none of it, and holds no schedule of the agent back', async () => {
    const { agent, routineId } = await own()
    const { trigger } = await addTrigger(routineId, { kind: 'schedule', cronExpression: await inMinutes(2) }, agent.client)
    await addTrigger(routineId, { kind: 'schedule', cronExpression: '* * * * *' }, server().board)
    for (let count = 0; count < 4; count += 1) {
      await server().database.passTime('1 minute')
      await tick()
    }
    expect(await statusesOf(routineId)).not.toContain('skipped')
    const byAgent = (await runsOf(server(), routineId)).filter(({ triggerId }) => triggerId === trigger.id)
    expect(byAgent).toHaveLength(1)
    // Written by the board since, it is the schedule of the board.
    expect((await server().board.patch(`/api/routine-triggers/${trigger.id}`, { cronExpression: '* * * * *' })).status).toBe(200)
    for (let count = 0; count < 2; count += 1) {
      await server().database.passTime('1 minute')
      await tick()
    }
    expect(await statusesOf(routineId)).not.toContain('skipped')
  })

  test('All schedules of an agent together make as many runs an hour as ten routines at the interval', async () => {
    const { here, agent, routineId } = await own()
    const { trigger } = await addTrigger(routineId, { kind: 'schedule', cronExpression: await inMinutes(2) }, agent.client)
    // Of routines that it has archived, by triggers that it has deleted.
    await server().database.sql.query(
      `with r as (insert into routines (company_id, title, assignee_agent_id, created_by_agent_id, status, pause_reason)
         select $1, 'Old', $2::uuid, $2::uuid, 'archived', 'agent' from generate_series(1, $4) returning id)
       insert into routine_runs (company_id, routine_id, trigger_id, source, status, due_at, created_at)
         select $1, r.id, gen_random_uuid(), 'schedule', 'completed', $3::timestamptz - interval '50 minutes', $3::timestamptz - interval '50 minutes' from r`,
      [here.company.id, agent.id, trigger.nextRunAt, MAX_SCHEDULED_PER_HOUR_OF_AGENT],
    )
    await passUntil(server(), trigger.nextRunAt)
    await tick()
    const [run] = await runsOf(server(), routineId)
    expect(await lastAudit(server(), run?.id ?? '', 'routine.run_triggered')).toMatchObject({ details: { why: 'agent_quota' } })
    await server().database.passTime('1 hour')
    await tick()
    expect(await statusesOf(routineId)).toEqual(['skipped', 'issue_created'])
  })

  test('Times that a change of the clock brings together are one', async () => {
    const { agent, routineId } = await own()
    // The clock of Lord Howe is set from 02:00 to 02:30: 01:59 and 02:31 are two minutes apart.
    await passUntil(server(), '2027-10-02T15:00:00.000Z')
    const { trigger } = await addTrigger(
      routineId,
      { kind: 'schedule', cronExpression: '31,59 * * * *', timezone: 'Australia/Lord_Howe' },
      agent.client,
    )
    expect(trigger.nextRunTimes.slice(1, 3)).toEqual(['2027-10-02T15:29:00.000Z', '2027-10-02T15:31:00.000Z'])
    for (const time of trigger.nextRunTimes) {
      await passUntil(server(), time)
      await tick()
    }
    const runs = await runsOf(server(), routineId)
    expect(runs.map(({ dueAt, status }) => [dueAt, status])).toContainEqual(['2027-10-02T15:31:00.000Z', 'skipped'])
    expect(runs.map(({ dueAt, status }) => [dueAt, status])).toContainEqual(['2027-10-02T15:29:00.000Z', 'issue_created'])
  })
})
