import { expect, onTestFinished, test } from 'vitest'
import { openPool } from '../platform/db/driver/client.ts'
import type { Pool } from '../platform/db/driver/client.ts'
import {
  embeddedOwnerOf,
  makeHome,
  postgresProcessesUnder,
  removeHome,
  send,
  signalAll,
  spawnServerProcess,
  pollFor,
} from '../dev/testing/serverProcess.ts'
import { countStaleHolds, findLostChanges, checkoutAll, startLoadGenerator, countUnpaired } from '../dev/testing/loadGenerator.ts'
import { fillHome } from '../dev/testing/readyHome.ts'
import { onThisMachine } from '../dev/testing/slowness.ts'

// The suite kills once in each of three ways. `KILLS` sets another number, for a longer test by hand.
const KILLS = Number(process.env['KILLS'] ?? 2)
/** Changes that are acknowledged between two kills. The exact number is random. */
const CHANGES = { least: 40, most: 120 }
/** The interval of the reaper plus the time of its work. */
const REAPED_WITHIN_MS = 10_000

/** Expires every lease and waits until the reaper has freed the issues. No run renews a lease at this point, so time is not needed. */
async function expireAllLeases(sql: Pool): Promise<void> {
  await sql.query("update heartbeat_runs set lease_expires_at = now() where status in ('queued', 'running')")
  const expiredAt = performance.now()
  await pollFor('no issue names a dead run', async () => {
    const { byEndedRuns, byDeadLeases } = await countStaleHolds(sql)
    return byEndedRuns + byDeadLeases === 0
  })
  expect(performance.now() - expiredAt).toBeLessThan(onThisMachine(REAPED_WITHIN_MS))
}

test(
  'Every acknowledged change survives kill -9 of the server and of Postgres under load (I15)',
  { timeout: 30_000 + KILLS * 8000 },
  async () => {
    const home = await fillHome(makeHome())
    let server = spawnServerProcess({ home })
    onTestFinished(async () => {
      await server.kill()
      await removeHome(home)
    })
    const load = await startLoadGenerator(await server.url())
    const acknowledgedBefore: number[] = []
    const more = async (changes: number): Promise<void> => {
      const enough = load.acknowledged.length + changes
      await pollFor(`${changes} more changes`, () => load.acknowledged.length >= enough)
    }

    for (let kill = 0; kill < KILLS; kill += 1) {
      await more(CHANGES.least + (CHANGES.most - CHANGES.least) * Math.random())
      acknowledgedBefore.push(load.acknowledged.length)
      const kind = kill % 3
      if (kind === 1) {
        // All processes of Postgres alone: the server continues and starts Postgres again.
        signalAll(postgresProcessesUnder(home), 'SIGKILL')
        await server.waitForLog('Postgres runs again')
        continue
      }
      load.setUrl(null)
      // The server alone, or together with its Postgres, as when the machine runs out of memory.
      const victims = kind === 2 ? postgresProcessesUnder(home) : []
      signalAll([server.pid, ...victims], 'SIGKILL')
      await server.exited
      server = spawnServerProcess({ home })
      load.setUrl(await server.url())
    }
    await more(CHANGES.least)
    await load.stop()

    const url = await server.url()
    const sql = openPool({ ...embeddedOwnerOf(server.home), max: 2 })
    try {
      await pollFor('the server serves', async () => (await send(`${url}/api/health`)).status === 200)
      if (process.env['KILLS'] !== undefined) {
        process.stdout.write(`${JSON.stringify({ kills: KILLS, acknowledged: load.acknowledged.length, acknowledgedBefore })}\n`)
      }
      expect(load.serverErrors).toEqual([])
      expect(load.acknowledged.length).toBeGreaterThan(CHANGES.least * KILLS)
      expect(await findLostChanges(sql, load.acknowledged)).toEqual([])
      expect(await countUnpaired(sql)).toEqual({ issues: 0, comments: 0, issuesLost: 0, commentsLost: 0 })
      expect((await countStaleHolds(sql)).byEndedRuns).toBe(0)

      await expireAllLeases(sql)
      expect(await checkoutAll(url, sql)).toEqual([])
    } finally {
      await sql.end()
    }
    expect(await server.stop()).toEqual({ code: 0, signal: null })
  },
)
