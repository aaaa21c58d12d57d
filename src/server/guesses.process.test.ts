// Strangers who guess passwords, against two real servers that share a database: they must not get in, and must not keep others out.

import { randomBytes } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { cloneDatabase } from '../dev/testing/database.ts'
import type { TestDatabase } from '../dev/testing/database.ts'
import { isFullCheck } from '../dev/testing/fullCheck.ts'
import { median } from '../dev/bench/load.ts'
import { countByStatus } from '../dev/testing/race.ts'
import { sendRequest } from '../dev/testing/rawRequest.ts'
import type { Reply } from '../dev/testing/rawRequest.ts'
import { databaseEnvOf, pollFor, startServerProcess, temporaryHome } from '../dev/testing/serverProcess.ts'
import type { ServerProcess } from '../dev/testing/serverProcess.ts'
import { TEST_PASSWORD } from '../dev/testing/sessions.ts'
import { tidySignIns } from '../org/people/index.ts'
import { createStore } from '../platform/db/store.ts'

const GUESSES = isFullCheck ? 10_000 : 400
const AT_ONCE = 200
/** Attempts at an account within its window (`org/people/limits.ts`). */
const OF_ACCOUNT = 10
const WINDOW_SECONDS = 900
/** How often others sign in during the attack. */
const LOOKS = isFullCheck ? 10 : 4
/** A page of others may take so many times longer than under as many requests that are refused before anything is looked up. */
const SLOWER = 4

const OWNER = 'owner@example.com'
const UNKNOWN = 'unknown@example.com'
const ATTACKER = '203.0.113.5'

/** JavaScript that writes a line for each password that is hashed, with the number of hashes under way. */
const showHashes = `
  import crypto from 'node:crypto'
  import { syncBuiltinESMExports } from 'node:module'
  const { scrypt } = crypto
  let underWay = 0
  crypto.scrypt = (...args) => {
    const done = args.pop()
    underWay += 1
    process.stderr.write('hashes under way: ' + underWay + '\\n')
    scrypt(...args, (...answer) => { underWay -= 1; done(...answer) })
  }
  syncBuiltinESMExports()`

/** The hashes that a server has begun: how many were under way at each. */
const hashesOf = (server: ServerProcess): number[] =>
  [...server.stderr().matchAll(/hashes under way: (\d+)/g)].map(([, count]) => Number(count))

/** Two servers behind a proxy of this machine, which says from where a request comes. */
async function startServers(
  database: TestDatabase,
): Promise<{ readonly servers: readonly ServerProcess[]; readonly urls: [string, string] }> {
  const env = {
    ...databaseEnvOf(database.connection, database.owner),
    PAPERCLIP_DEPLOYMENT_MODE: 'authenticated',
    PAPERCLIP_TRUSTED_PROXIES: '127.0.0.1',
    BETTER_AUTH_SECRET: randomBytes(36).toString('base64url'),
  }
  const start = (): ServerProcess => startServerProcess({ home: temporaryHome(), env, preload: showHashes })
  const [first, second] = [start(), start()]
  return { servers: [first, second], urls: [await first.url(), await second.url()] }
}

interface Attempt {
  readonly url: string
  readonly address: string
  readonly email: string
  readonly password: string
  readonly cookie?: string
}

const signIn = ({ url, address, email, password, cookie }: Attempt): Promise<Reply> =>
  sendRequest(url, {
    method: 'POST',
    path: '/api/auth/sign-in/email',
    headers: { 'x-forwarded-for': address, ...(cookie === undefined ? {} : { cookie, origin: url }) },
    body: { email, password },
  })

/** A person with an account, and the browser in which it was made. */
interface Known {
  readonly email: string
  readonly address: string
  readonly cookie: string
}

async function signUp(url: string, email: string, address: string): Promise<Known> {
  const headers = { 'x-forwarded-for': address }
  const answer = await sendRequest(url, {
    method: 'POST',
    path: '/api/auth/sign-up/email',
    headers,
    body: { name: email, email, password: TEST_PASSWORD },
  })
  expect(answer.status, answer.text).toBe(200)
  const cookie = answer.headers
    .getSetCookie()
    .map((line) => line.split(';')[0])
    .join('; ')
  return { email, address, cookie }
}

/** Acts on all items, so many at a time. */
async function inParallel<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const work = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) results[at] = await act(items[at] as T)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return results
}

/** Guesses at two accounts, of which one exists, from one address and from thousands, at both servers. */
const guessesAt = (urls: readonly string[], from: number, to: number): Attempt[] =>
  Array.from({ length: to - from }, (_, index) => {
    const n = from + index
    const address = n % 4 < 2 ? ATTACKER : `198.18.${n >> 8}.${n & 255}`
    // The first guesses use the limit up; among the later ones is the password itself.
    const password = n >= AT_ONCE && n % 7 === 0 ? TEST_PASSWORD : `guess ${n}`
    return { url: urls[n % 3 === 0 ? 0 : 1] as string, address, email: n % 2 === 0 ? OWNER : UNKNOWN, password }
  })

/** The part of an answer that its sender can tell apart: not its number, and not how long to wait. */
const shown = ({ status, body: { requestId: _, ...body } }: Reply): unknown => ({ status, body })

/** The median time of a page of another person while `load` is sent. */
async function readMs(read: () => Promise<Reply>, load: () => Promise<unknown>): Promise<number> {
  let isOver = false
  const loading = load().finally(() => (isOver = true))
  const times: number[] = []
  while (!isOver) {
    const beganAt = performance.now()
    const answer = await read()
    times.push(performance.now() - beganAt)
    expect(answer.status, answer.text).toBe(200)
  }
  await loading
  return median(times)
}

/** Two servers with three people, and everything that was answered. */
interface Scene {
  readonly database: TestDatabase
  readonly servers: readonly ServerProcess[]
  readonly urls: readonly [string, string]
  readonly owner: Known
  readonly others: readonly Known[]
  readonly hashesBefore: number
}

async function prepare(): Promise<Scene> {
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  const { servers, urls } = await startServers(database)
  const owner = await signUp(urls[0], OWNER, '192.0.2.1')
  const others = [await signUp(urls[0], 'ada@example.com', '192.0.2.2'), await signUp(urls[1], 'bob@example.com', '192.0.2.3')]
  return { database, servers, urls, owner, others, hashesBefore: servers.flatMap(hashesOf).length }
}

/** Another person looks at a page. */
const readerOf =
  ({ urls, others: [ada] }: Scene) =>
  (): Promise<Reply> =>
    sendRequest(urls[1], { method: 'GET', path: '/api/companies', headers: { cookie: ada?.cookie ?? '' } })

interface Attack {
  readonly guesses: readonly Attempt[]
  /** The answers to the guesses. */
  readonly answers: readonly Reply[]
  /** The answers to those who signed in meanwhile. */
  readonly meanwhile: readonly Reply[]
  readonly pageMs: number
}

/** Sends all guesses. Meanwhile the owner signs in from its browser, and the others from one that the servers do not know. */
async function attack(scene: Scene): Promise<Attack> {
  const { urls, owner, others } = scene
  let answered = 0
  const guess = async (attempt: Attempt): Promise<Reply> => {
    const answer = await signIn(attempt)
    answered += 1
    return answer
  }
  const [opening, rest] = [guessesAt(urls, 0, AT_ONCE), guessesAt(urls, AT_ONCE, GUESSES)]
  const answers = await inParallel(opening, guess)
  const meanwhile: Reply[] = []
  const signInMeanwhile = async (): Promise<void> => {
    for (let look = 0; look < LOOKS; look += 1) {
      await pollFor('the attack goes on', () => answered >= AT_ONCE + (rest.length * look) / LOOKS)
      const url = urls[look % 2 === 0 ? 0 : 1]
      meanwhile.push(await signIn({ ...owner, url, password: TEST_PASSWORD }))
      for (const { email, address } of others) meanwhile.push(await signIn({ url, password: TEST_PASSWORD, email, address }))
    }
  }
  const sendRest = async (): Promise<void> => void answers.push(...(await inParallel(rest, guess)))
  const pageMs = await readMs(readerOf(scene), () => Promise.all([sendRest(), signInMeanwhile()]))
  return { guesses: [...opening, ...rest], answers, meanwhile, pageMs }
}

/** Nothing got in, and the password was answered like every other guess, at the account that exists and at the other one. */
function expectNoneGotIn({ guesses, answers }: Attack): void {
  const answersAt = (email: string): Reply[] => answers.filter((_, at) => guesses[at]?.email === email)
  const expected = { 401: OF_ACCOUNT, 429: GUESSES / 2 - OF_ACCOUNT }
  expect(countByStatus(answersAt(OWNER))).toEqual(expected)
  expect(countByStatus(answersAt(UNKNOWN))).toEqual(expected)
  for (const status of [401, 429]) {
    const bodies = answers.filter((answer) => answer.status === status).map((answer) => JSON.stringify(shown(answer)))
    expect([...new Set(bodies)]).toHaveLength(1)
  }
  const waits = answers.filter(({ status }) => status === 429).map(({ headers }) => Number(headers.get('retry-after')))
  expect(waits.filter((seconds) => !(seconds > 0 && seconds <= WINDOW_SECONDS))).toEqual([])
}

/** Each attempt that a limit allowed cost one hash and one record, and each refused one none; a server hashes two at once at most. */
async function expectBoundedWork({ servers, database, hashesBefore }: Scene): Promise<void> {
  const hashes = servers.flatMap(hashesOf)
  expect(hashes.length - hashesBefore).toBe(2 * OF_ACCOUNT + 3 * LOOKS)
  expect(Math.max(...hashes)).toBeLessThanOrEqual(2)
  const { rows } = await database.sql.query(
    "select count(*)::int as count from activity_log where action = 'person.sign_in_failed' and entity_id <> 'unknown'",
  )
  expect(rows).toEqual([{ count: OF_ACCOUNT }])
}

/** There are fewer counts than guesses, and they go with their time. */
async function expectCountsToGo({ database }: Scene): Promise<void> {
  const count = async (): Promise<number> =>
    (await database.sql.query<{ count: number }>('select count(*)::int as count from auth_attempts')).rows[0]?.count ?? -1
  expect(await count()).toBeLessThan(AT_ONCE + 20)
  await database.passTime('2 hours')
  const pool = database.open()
  try {
    await tidySignIns(createStore(pool), null)
  } finally {
    await pool.end()
  }
  expect(await count()).toBe(0)
}

test(`Of ${GUESSES} guesses of a password, ${AT_ONCE} at a time at two servers, none gets past the limit, and others sign in meanwhile`, async () => {
  const scene = await prepare()
  const seen = await attack(scene)
  expectNoneGotIn(seen)
  expect(countByStatus(seen.meanwhile)).toEqual({ 200: 3 * LOOKS })
  await expectBoundedWork(scene)
  await expectCountsToGo(scene)
  if (!isFullCheck) return
  const refused = seen.guesses.slice(AT_ONCE).map((attempt) => ({ ...attempt, email: '' }))
  const pageMs = await readMs(readerOf(scene), () => inParallel(refused, signIn))
  expect(seen.pageMs / pageMs, `a page takes ${seen.pageMs} ms, and ${pageMs} ms beside refusals`).toBeLessThan(SLOWER)
}, 600_000)
