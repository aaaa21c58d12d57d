import { afterAll, beforeAll, expect, test } from 'vitest'
import { cloneDatabase } from '../dev/testing/database.ts'
import type { TestDatabase } from '../dev/testing/database.ts'
import { isFullCheck } from '../dev/testing/fullCheck.ts'
import { databaseEnvOf, makeHome, pollFor, removeHome, send, spawnServerProcess } from '../dev/testing/serverProcess.ts'
import type { ServerProcess } from '../dev/testing/serverProcess.ts'
import { nextTimes } from '../platform/cron/index.ts'

// Three servers on one database; two of them are killed while its clock is stepped.

const SLOW_MS = isFullCheck ? 3_600_000 : 240_000
const BOARD_TOKEN = 'pcb_routines-4be10c6f27ab8e054-of-the-test'
const MASTER_KEY = 'kq3XwU0yT5mFvB8hZ1rJcN7dLpS2gEoA6iYxQ4uMtWs'
const zones = ['Europe/Berlin', 'America/New_York', 'Pacific/Auckland']
const EXPRESSION = '30 2,14 * * *'
/** A step is half a day; both times of a day are fired after it. */
const STEPS = isFullCheck ? 2 * 365 : 16

let homes: string[] = []
let database: TestDatabase
let servers: ServerProcess[] = []

function start(home: string): ServerProcess {
  const env = {
    ...databaseEnvOf(database.connection, database.owner),
    PAPERCLIP_AGENT_ISOLATION: 'none',
    PAPERCLIP_BOARD_TOKEN: BOARD_TOKEN,
    PAPERCLIP_SECRETS_MASTER_KEY: MASTER_KEY,
    PAPERCLIP_AGENT_JWT_SECRET: 'a secret that the three servers of this test share',
  }
  return spawnServerProcess({ home, env })
}

beforeAll(async () => {
  database = await cloneDatabase()
  homes = [makeHome(), makeHome(), makeHome()]
  for (const home of homes) {
    servers.push(start(home))
    await servers.at(-1)?.url()
  }
}, SLOW_MS)

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()))
  await database.drop()
  await Promise.all(homes.map((home) => removeHome(home)))
}, SLOW_MS)

test(
  'Three servers fire each due time of three zones once while two of them are killed and the clock is stepped',
  async () => {
    const [survivor] = servers
    if (survivor === undefined) throw new Error('no server has started')
    const ask = async (path: string, body: unknown) => {
      const reply = await send(`${await survivor.url()}/api${path}`, 'POST', body, BOARD_TOKEN)
      expect(reply.status, JSON.stringify(reply.body)).toBeLessThan(300)
      return reply.body
    }
    const company = await ask('/companies', { name: 'Routine Works' })
    // No server runs it, so nothing but routines makes work.
    const agent = await ask(`/companies/${company.id}/agents`, {
      name: 'Writer',
      adapterType: 'http',
      adapterConfig: { url: 'https://example.invalid/' },
      runtimeConfig: { heartbeat: { wakeOnDemand: false } },
    })
    const triggers: { id: string; zone: string; nextRunAt: string }[] = []
    for (const zone of zones) {
      const routine = await ask(`/companies/${company.id}/routines`, {
        title: zone,
        assigneeAgentId: agent.id,
        catchUpPolicy: 'enqueue_missed_with_cap',
      })
      const { trigger } = await ask(`/routines/${routine.id}/triggers`, { kind: 'schedule', cronExpression: EXPRESSION, timezone: zone })
      triggers.push({ id: trigger.id, zone, nextRunAt: trigger.nextRunAt })
    }
    const isIdle = async () => {
      const { rows } = await database.sql.query('select 1 from routine_triggers where next_run_at <= now()')
      return rows.length === 0
    }
    for (let step = 0; step < STEPS; step += 1) {
      await database.passTime('12 hours')
      if (step === Math.floor(STEPS / 3)) await servers[1]?.kill()
      if (step === Math.floor((2 * STEPS) / 3)) await servers[2]?.kill()
      await pollFor('everything that is due was fired', isIdle)
    }
    const { rows: clock } = await database.sql.query('select now() as now')
    for (const { id, zone, nextRunAt } of triggers) {
      const expected = nextTimes(EXPRESSION, zone, new Date(Date.parse(nextRunAt) - 1).toISOString(), STEPS * 2).filter(
        (time) => time <= clock[0].now,
      )
      // The audit keeps what the runs did, when they are older than they are kept.
      const { rows } = await database.sql.query(
        `select details->>'dueAt' as "dueAt" from activity_log where action = 'routine.run_triggered' and details->>'triggerId' = $1 order by 1`,
        [id],
      )
      expect(rows.map(({ dueAt }) => dueAt)).toEqual(expected)
      expect(expected.length).toBeGreaterThan(STEPS / 2)
    }
  },
  SLOW_MS,
)
