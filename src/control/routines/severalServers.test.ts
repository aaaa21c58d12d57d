import { describe, expect, test } from 'vitest'
import { isFullCheck } from '../../dev/testing/fullCheck.ts'
import { addTrigger, createRoutine, nowOf, runsOf } from '../../dev/testing/routines.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import type { TestServer } from '../../dev/testing/world.ts'
import { createStore } from '../../platform/db/store.ts'
import { nextTimes } from '../../platform/cron/index.ts'
import { tickRoutines } from './index.ts'

const server = useServer()

/** A routine with one schedule that makes up for what it missed. */
async function scheduled(cronExpression: string, timezone: string): Promise<{ routineId: string; nextRunAt: string }> {
  const here = await world(server())
  const agent = await here.agent()
  const fields = { assigneeAgentId: agent.id, catchUpPolicy: 'enqueue_missed_with_cap', concurrencyPolicy: 'coalesce_if_active' }
  const { id } = await createRoutine(server(), here, fields)
  const { trigger } = await addTrigger(id, { kind: 'schedule', cronExpression, timezone }, server().board)
  return { routineId: id, nextRunAt: trigger.nextRunAt }
}

/** The task of a server that is killed: its connections end in the middle of whatever it does. */
async function killInTheMiddle(database: TestServer['database']): Promise<void> {
  const pool = database.open({ application_name: 'victim' } as object)
  const store = createStore(pool)
  const work = tickRoutines(store).catch(() => {})
  await database.sql.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'victim'")
  await work
  await pool.end().catch(() => {})
}

describe('several servers', () => {
  const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe']
  const expression = '30 2,8,14,20 * * *'
  const days = isFullCheck ? 365 : 45

  test(
    `Over ${days} days in three zones each due time is fired once, with servers that are killed in between`,
    { timeout: 1_800_000 },
    async () => {
      const routines = await Promise.all(zones.map((zone) => scheduled(expression, zone)))
      const peers = [await server().startPeer(), await server().startPeer()]
      const stores = [server().store, ...peers.map(({ store }) => store)]
      for (let day = 0; day < days; day += 1) {
        await server().database.passTime('1 day')
        const victim = day % 7 === 0 ? [killInTheMiddle(server().database), killInTheMiddle(server().database)] : []
        await Promise.all([...stores.map((store) => tickRoutines(store)), ...victim])
      }
      await Promise.all(peers.map((peer) => peer.stop()))
      await tickRoutines(server().store)
      const now = await nowOf(server())
      for (const [index, { routineId, nextRunAt }] of routines.entries()) {
        const zone = zones[index] ?? ''
        const expected = nextTimes(expression, zone, new Date(Date.parse(nextRunAt) - 1).toISOString(), days * 5).filter(
          (time) => time <= now,
        )
        const runs = await runsOf(server(), routineId)
        expect(runs.map(({ dueAt }) => dueAt)).toEqual(expected)
        expect(runs.filter(({ status }) => status === 'issue_created')).toHaveLength(1)
        expect(runs.filter(({ status }) => status === 'coalesced')).toHaveLength(runs.length - 1)
      }
    },
  )
})
