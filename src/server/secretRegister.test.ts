import { describe, expect, onTestFinished, test } from 'vitest'
import { cloneDatabase } from '../dev/testing/database.ts'
import type { TestDatabase } from '../dev/testing/database.ts'
import { databaseEnvOf, startServerProcess, temporaryHome } from '../dev/testing/serverProcess.ts'
import { createStore } from '../platform/db/store.ts'
import type { Store } from '../platform/db/types.ts'
import { createLog } from '../platform/kernel/log.ts'
import { isStartProblem } from '../platform/kernel/startProblem.ts'
import { joinSecretRegister } from './secretRegister.ts'
import type { SecretRegister } from './secretRegister.ts'

const SECRETS = { one: 'one secret, long enough, of server A 4711', two: 'two secret, long enough, of server B 0815' } as const
const log = createLog('silent', false)

async function openDatabase(): Promise<{ readonly database: TestDatabase; readonly store: Store }> {
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  const pool = database.open()
  onTestFinished(() => pool.end())
  return { database, store: createStore(pool) }
}

const join = (store: Store, secret: string, previousSecret: string | null = null, audience = 'paperclip-api'): Promise<SecretRegister> =>
  joinSecretRegister(store, { secret, previousSecret, issuer: 'paperclip', audience }, log)

const rowsOf = async (database: TestDatabase): Promise<number> =>
  (await database.sql.query<{ count: number }>('select count(*)::int as count from server_secrets')).rows[0]?.count ?? -1

describe('the register of secrets', () => {
  test('A server with another secret, or the same for another audience, is refused while the first lives (K38)', async () => {
    const { database, store } = await openDatabase()
    await join(store, SECRETS.one)
    await expect(join(store, SECRETS.two)).rejects.toThrow(
      /^Another server on this database uses another secret.*PAPERCLIP_AGENT_JWT_SECRET.*in 30 s$/,
    )
    await expect(join(store, SECRETS.one, null, 'other')).rejects.toThrow(/audience/)
    await join(store, SECRETS.one)
    expect(await rowsOf(database)).toBe(2)
  })

  test('A secret is replaced server by server, and a server that does not know the new one is refused (K38)', async () => {
    const { store } = await openDatabase()
    const first = await join(store, SECRETS.one)
    await join(store, SECRETS.two, SECRETS.one)
    await first.renew()
    await first.leave()
    await expect(join(store, SECRETS.one)).rejects.toThrow(/another secret/)
    await join(store, SECRETS.one, SECRETS.two)
  })

  test('Of two servers with different secrets that start at once exactly one is refused (K38)', async () => {
    const { database, store } = await openDatabase()
    for (let round = 0; round < 10; round += 1) {
      const outcomes = await Promise.allSettled([join(store, SECRETS.one), join(store, SECRETS.two)])
      const refused = outcomes.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []))
      expect(refused).toHaveLength(1)
      expect(isStartProblem(refused[0])).toBe(true)
      for (const each of outcomes) if (each.status === 'fulfilled') await each.value.leave()
      expect(await rowsOf(database)).toBe(0)
    }
  })

  test('A secret may be lost: after an orderly stop at once, after a crash when the registration has run out', async () => {
    const { database, store } = await openDatabase()
    const first = await join(store, SECRETS.one)
    await first.leave()
    const crashed = await join(store, SECRETS.two)
    await database.passTime('20 seconds')
    await crashed.renew()
    await database.passTime('20 seconds')
    await expect(join(store, SECRETS.one)).rejects.toThrow(/in 10 s$/)
    await database.passTime('11 seconds')
    await join(store, SECRETS.one)
    expect(await rowsOf(database)).toBe(1)
  })

  test(
    'The second process with another secret exits with code 1 and one line, which has neither secret (K38)',
    { timeout: 180_000 },
    async () => {
      const database = await cloneDatabase()
      onTestFinished(() => database.drop())
      const env = databaseEnvOf(database.connection, database.owner)
      const first = startServerProcess({ home: temporaryHome(), env })
      await first.url()
      const second = startServerProcess({ home: temporaryHome(), env: { ...env, PAPERCLIP_AGENT_JWT_SECRET: SECRETS.two } })
      expect(await second.exited).toEqual({ code: 1, signal: null })
      expect(second.lines.filter(({ level }) => level === 60)).toMatchObject([{ msg: expect.stringContaining('another secret') }])
      expect(JSON.stringify(second.lines)).not.toContain(SECRETS.two)
      expect(await first.stop()).toEqual({ code: 0, signal: null })
      expect(await rowsOf(database)).toBe(0)
    },
  )
})
