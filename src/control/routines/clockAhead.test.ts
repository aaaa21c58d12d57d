import { expect, test } from 'vitest'
import { addTrigger, createRoutine, nowOf, runsOf } from '../../dev/testing/routines.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import { tickRoutines } from './index.ts'

const server = useServer()
const board = () => server().board
const tick = () => tickRoutines(server().store)

test('A clock that was more than a day ahead leaves no schedule silent once it is resumed, and no time has two runs', async () => {
  const here = await world(server())
  const agent = await here.agent()
  const given = { assigneeAgentId: agent.id, concurrencyPolicy: 'coalesce_if_active', catchUpPolicy: 'enqueue_missed_with_cap' }
  const { id: routineId } = await createRoutine(server(), here, given)
  const { trigger } = await addTrigger(routineId, { kind: 'schedule', cronExpression: '0 * * * *' }, board())
  const nextOf = async (): Promise<string> =>
    (await server().database.sql.query('select next_run_at as at from routine_triggers where id = $1', [trigger.id])).rows[0]?.at
  await server().database.passTime('30 hours')
  await tick()
  const ahead = await runsOf(server(), routineId)
  await server().database.passTime('-30 hours')
  await tick()
  expect(await runsOf(server(), routineId)).toHaveLength(ahead.length)
  const of = `/api/companies/${here.company.id}/routines`
  expect([(await board().post(`${of}/pause-all`)).status, (await board().post(`${of}/resume-all`)).status]).toEqual([200, 200])
  const next = await nextOf()
  expect(Date.parse(next) - Date.parse(await nowOf(server()))).toBeLessThanOrEqual(3_600_000)
  for (let count = 0; count < 8; count += 1) {
    await server().database.passTime('1 hour')
    await tick()
  }
  const runs = await runsOf(server(), routineId)
  const due = runs.flatMap(({ dueAt }) => dueAt ?? [])
  expect(new Set(due).size).toBe(due.length)
  expect(runs.some(({ reason }) => reason?.includes('before the clock was set back') ?? false)).toBe(true)
  expect((await nextOf()) > (await nowOf(server()))).toBe(true)
})
