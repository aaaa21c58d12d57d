import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { cloneDatabase } from '../dev/testing/database.ts'
import { isFullCheck } from '../dev/testing/fullCheck.ts'
import { databaseEnvOf, makeHome, pollFor, removeHome, send, spawnServerProcess } from '../dev/testing/serverProcess.ts'
import { idOf, startReceiver } from '../dev/testing/webhookReceiver.ts'

const SLOW_MS = 180_000
const BOARD_TOKEN = 'pcb_webhooks-b04c5e8f7a9d2e61c-of-the-test'
/** Issues that each of the writers creates. */
const ISSUES = isFullCheck ? 60 : 30
const WRITERS = 3
/** Between the attempts of a writer at a server that is gone. */
const RETRY_MS = 20

/** Two servers of one database, which end with the test. */
async function startServers() {
  const database = await cloneDatabase()
  const homes: string[] = []
  const masterKey = randomBytes(32).toString('base64')
  const start = () => {
    const home = makeHome()
    homes.push(home)
    const env = {
      ...databaseEnvOf(database.connection, database.owner),
      PAPERCLIP_AGENT_ISOLATION: 'none',
      PAPERCLIP_BOARD_TOKEN: BOARD_TOKEN,
      PAPERCLIP_ADAPTER_ADDRESSES: '127.0.0.1',
      PAPERCLIP_SECRETS_MASTER_KEY: masterKey,
    }
    return spawnServerProcess({ home, env })
  }
  const servers = [start(), start()]
  onTestFinished(async () => {
    await Promise.all(servers.map((each) => each.kill()))
    await database.drop()
    await Promise.all(homes.map((home) => removeHome(home)))
  })
  return { database, servers, start, urls: await Promise.all(servers.map((each) => each.url())) }
}

/** Creates issues through the servers in turn, and tries each again until a server has answered. */
async function writeIssues(companyId: string, urls: readonly string[], writer: number): Promise<void> {
  for (let issue = 0; issue < ISSUES;) {
    const url = urls[(writer + issue) % urls.length] ?? ''
    const reply = await send(`${url}/api/companies/${companyId}/issues`, 'POST', { title: `Issue ${issue}` }, BOARD_TOKEN).catch(() => null)
    if (reply?.status === 201) issue += 1
    // A server that was killed is back in a second. Thousands of attempts until then would show what a few show.
    else await sleep(RETRY_MS)
  }
}

test(
  'Two servers of which one after the other is killed deliver every committed event once in effect, in order, and none before its commit',
  async () => {
    const { database, servers, start, urls } = await startServers()
    const receiver = await startReceiver()
    const ask = async (path: string, body: unknown) => {
      const reply = await send(`${urls[0] ?? ''}/api${path}`, 'POST', body, BOARD_TOKEN)
      expect(reply.status, JSON.stringify(reply.body)).toBeLessThan(300)
      return reply.body
    }
    const company = await ask('/companies', { name: 'Tell Works' })
    await ask(`/companies/${company.id}/webhooks`, { url: receiver.url, events: ['issue.created'] })

    const uncommitted: string[] = []
    let count = 0
    receiver.answer(async ({ body }, response) => {
      count += 1
      const { rows } = await database.sql.query('select 1 from activity_log where id = $1', [body.payload.id])
      if (rows.length === 0) uncommitted.push(body.payload.id)
      // Some are handled and not answered, as by a receiver that restarts.
      if (count % 40 !== 39) return 204
      response.destroy()
      return undefined
    })

    let isOver = false
    const written = Promise.all(Array.from({ length: WRITERS }, (_, writer) => writeIssues(company.id, urls, writer)))
    // The clock of the database goes on quickly: retries come and leases of killed servers end.
    const passing = (async () => {
      while (!isOver) {
        await database.passTime('2 seconds')
        await pollFor('a moment has passed', async () => (await database.sql.query('select pg_sleep(0.2)')).rows.length === 1)
      }
    })()
    for (const victim of [0, 1]) {
      const before = receiver.messages.length
      await pollFor('messages arrive', () => receiver.messages.length >= before + 20)
      await servers[victim]?.kill()
      servers[victim] = start()
      urls[victim] = await (servers[victim] as ReturnType<typeof start>).url()
    }
    await written
    const { rows } = await database.sql.query<{ id: string }>(
      `select id from activity_log where company_id = $1 and action = 'issue.created' order by txid, seq`,
      [company.id],
    )
    await pollFor('every event was delivered', () => receiver.inEffect().length === rows.length)
    isOver = true
    await passing
    expect(rows.length).toBeGreaterThanOrEqual(WRITERS * ISSUES)
    expect(receiver.inEffect().map(({ body }) => body.payload.id)).toEqual(rows.map((row) => row.id))
    expect(uncommitted).toEqual([])
    expect(new Set(receiver.messages.map(idOf)).size).toBe(rows.length)
  },
  SLOW_MS,
)
