import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { useServer, world } from '../../dev/testing/world.ts'
import type { World } from '../../dev/testing/world.ts'
import { openPool } from '../../platform/db/driver/client.ts'
import { createLog } from '../../platform/kernel/log.ts'
import { createHeadCopies } from './headCopies.ts'
import { openHeadFile } from './heads.ts'
import { createSealer } from './sealer.ts'
import { verifyChain } from './verify.ts'
import type { VerificationResult } from './verify.ts'
import { createWitness } from './witness.ts'

/** Rows are sealed when no older transaction of the cluster is open, which other test files delay. */
const SLOW_MS = 180_000

const server = useServer()

/** A log that collects the problems that it is given. */
function listening() {
  const problems: unknown[] = []
  const log = Object.assign(createLog('error', false), { error: (facts: { problem?: string }) => void problems.push(facts.problem) })
  return { problems, log }
}

/** A server process with a home, as far as the record is concerned: it seals, and a restart begins anew on the same home. */
function recorder(home: string) {
  const { problems, log } = listening()
  const file = openHeadFile(home)
  const seal = createSealer(server().store, file, log)
  return {
    problems,
    /** Seals every committed row and records the heads. */
    async seal(): Promise<void> {
      const deadline = performance.now() + 60_000
      for (;;) {
        await seal()
        const { rows } = await server().database.sql.query(
          'select 1 from activity_log l where not exists (select 1 from activity_chain c where c.seq = l.seq) limit 1',
        )
        if (rows.length === 0) return
        if (performance.now() > deadline) throw new Error('some rows are not sealed')
        await delay(20)
      }
    },
  }
}

const verify = (home: string, { company }: World): Promise<VerificationResult> =>
  verifyChain(server().store.read, company.id, openHeadFile(home))

const fileIn = (home: string): string => path.join(home, 'audit-heads.ndjson')

/** A home whose witness has seen a company with some rows. */
async function witnessedHome(): Promise<{ home: string; ours: World }> {
  const home = `${server().home}-${Math.random().toString(36).slice(2)}`
  const ours = await world(server())
  const running = recorder(home)
  for (let n = 0; n < 3; n += 1) {
    await ours.issue()
    await running.seal()
  }
  expect(await verify(home, ours)).toMatchObject({ ok: true, witness: { ok: true, problem: null } })
  return { home, ours }
}

/** Changes the database as an intruder with the owner's login would. */
async function tamper(text: string, ...params: unknown[]): Promise<void> {
  const sql = await server().database.sql.connect()
  try {
    await sql.query("begin; set local session_replication_role = 'replica'")
    await sql.query(text, params)
    await sql.query('commit')
  } finally {
    sql.release()
  }
}

async function cutTail({ company }: World): Promise<void> {
  const last = '(select seq from activity_chain where company_id = $1 order by position desc limit 1)'
  await tamper(`delete from activity_log where seq = ${last}`, company.id)
  await tamper(`delete from activity_chain where seq = ${last}`, company.id)
}

const keyOf = (home: string): string => openHeadFile(home).keyId()
const deleteCopy = (home: string): Promise<void> => tamper('delete from audit_witnesses where key_id = $1', keyOf(home))

/** Expects the problem before the next start, at it, and after every later one. */
async function expectProblem({ home, ours }: { home: string; ours: World }, problem: string, isOnlyAtStart = false): Promise<void> {
  if (!isOnlyAtStart) expect(await verify(home, ours)).toMatchObject({ ok: false, witness: { ok: false, problem } })
  const restarted = recorder(home)
  await restarted.seal()
  expect(restarted.problems).toContain(problem)
  await ours.issue()
  await restarted.seal()
  await recorder(home).seal()
  expect(await verify(home, ours)).toMatchObject({ ok: false, witness: { ok: false, problem } })
}

describe('the witness of the audit chains (I7)', { timeout: SLOW_MS }, () => {
  test('A tail that was cut in the database is found although the file of heads was deleted with it', async () => {
    const { home, ours } = await witnessedHome()
    await cutTail(ours)
    rmSync(fileIn(home))
    await expectProblem({ home, ours }, 'file_missing')
  })

  test('A tail that was cut is found although the file and its copy in the database were deleted with it', async () => {
    const { home, ours } = await witnessedHome()
    await cutTail(ours)
    await tamper('delete from audit_witnesses')
    rmSync(fileIn(home))
    await expectProblem({ home, ours }, 'missing')
  })

  test('A tail that was cut is found although file, key and copy were all deleted: sealed rows without a witness are never in order', async () => {
    const { home, ours } = await witnessedHome()
    await cutTail(ours)
    await tamper('delete from audit_witnesses')
    rmSync(home, { recursive: true })
    await expectProblem({ home, ours }, 'missing')
  })

  test('A home that was deleted with its key, and starts again at its place, is no new home', async () => {
    const { home, ours } = await witnessedHome()
    rmSync(home, { recursive: true })
    await expectProblem({ home, ours }, 'key_replaced')
  })

  test('Lines that were cut from the end or the middle of the file are found', async () => {
    for (const removed of [-2, 1]) {
      const { home, ours } = await witnessedHome()
      const lines = readFileSync(fileIn(home), 'utf8').trimEnd().split('\n')
      lines.splice(removed, 1)
      if (removed < 0) lines.splice(removed + 1, 1)
      writeFileSync(fileIn(home), `${lines.join('\n')}\n`)
      await expectProblem({ home, ours }, 'file_cut')
    }
  })

  test('A file that continues an older state of itself in another way is found', async () => {
    const { home, ours } = await witnessedHome()
    const older = readFileSync(fileIn(home), 'utf8')
    await ours.issue()
    await recorder(home).seal()
    // The intruder has the key of the home: the lines are genuine, and still not those that the database names.
    writeFileSync(fileIn(home), older)
    const last = (await openHeadFile(home).readHistory(null)).heads.at(-1)
    if (last === undefined) throw new Error('the file is empty')
    await openHeadFile(home).append([last, last, last], 0)
    await expectProblem({ home, ours }, 'file_replaced')
  })

  test('A copy in the database that was deleted or set back is found, while the file is whole', async () => {
    const first = await witnessedHome()
    await deleteCopy(first.home)
    await expectProblem(first, 'database_copy_missing')
    const second = await witnessedHome()
    const [{ line, signature } = { line: 0, signature: '' }] = (
      await server().database.sql.query<{ line: number; signature: string }>(
        'select line, signature from audit_witnesses where key_id = $1',
        [keyOf(second.home)],
      )
    ).rows
    const running = recorder(second.home)
    for (let n = 0; n < 3; n += 1) {
      await second.ours.issue()
      await running.seal()
    }
    await tamper('update audit_witnesses set line = $2, signature = $3 where key_id = $1', keyOf(second.home), line, signature)
    await expectProblem(second, 'database_copy_rolled_back')
  })

  test('The application cannot delete the copy or set it back', async () => {
    const { home } = await witnessedHome()
    const pool = openPool({ ...server().database.connection, max: 1 })
    await expect(pool.query('delete from audit_witnesses')).rejects.toMatchObject({ code: '42501' })
    await expect(pool.query('update audit_witnesses set line = 1 where key_id = $1', [keyOf(home)])).rejects.toThrow(/may not go back/)
    await pool.end()
  })

  test('A crash between the file and the copy, and one in the middle of a line, leave a witness that is in order', async () => {
    const { home, ours } = await witnessedHome()
    const before = readFileSync(fileIn(home), 'utf8')
    const { rows } = await server().database.sql.query('select * from audit_witnesses where key_id = $1', [keyOf(home)])
    await ours.issue()
    await recorder(home).seal()
    // The copy is as it was before the last append, which a crash did not let it reach.
    await tamper(
      'update audit_witnesses set line = $2, signature = $3 where key_id = $1',
      keyOf(home),
      rows[0]?.['line'],
      rows[0]?.['signature'],
    )
    expect(await verify(home, ours)).toMatchObject({ ok: true })
    writeFileSync(fileIn(home), `${before}${readFileSync(fileIn(home), 'utf8').slice(before.length, -40)}`)
    expect(await verify(home, ours)).toMatchObject({ ok: true })
    const restarted = recorder(home)
    await restarted.seal()
    expect(restarted.problems).toEqual([])
    expect(await verify(home, ours)).toMatchObject({ ok: true })
  })

  test('File and copy that were set back together with the chain are found by a copy in another folder', async () => {
    const { home, ours } = await witnessedHome()
    const folder = `${home}-elsewhere`
    const { log } = listening()
    const copies = createHeadCopies({ folder, url: null }, log)
    const seal = createSealer(server().store, openHeadFile(home, undefined, copies), log)
    const older = readFileSync(fileIn(home), 'utf8')
    const { rows } = await server().database.sql.query('select * from audit_witnesses where key_id = $1', [keyOf(home)])
    await ours.issue()
    await recorder(`${home}-other`).seal()
    await seal()
    await copies.settled()
    await cutTail(ours)
    writeFileSync(fileIn(home), older)
    await tamper(
      'update audit_witnesses set line = $2, signature = $3 where key_id = $1',
      keyOf(home),
      rows[0]?.['line'],
      rows[0]?.['signature'],
    )
    expect(await verify(home, ours)).toMatchObject({ ok: true })
    const withFolder = openHeadFile(home, undefined, createHeadCopies({ folder, url: null }, log))
    expect(await verifyChain(server().store.read, ours.company.id, withFolder)).toMatchObject({
      ok: false,
      witness: { problem: 'file_cut' },
    })
  })

  test('A URL gets each line once it answers, in order, and what does not answer delays nothing', async () => {
    const received: string[] = []
    let isBroken = true
    const receiver = createServer((request, response) => {
      let text = ''
      request.on('data', (chunk: Buffer) => (text += chunk.toString()))
      request.on('end', () => {
        if (!isBroken) received.push(`${request.headers.authorization} ${text}`)
        response.writeHead(isBroken ? 500 : 204).end()
      })
    })
    await new Promise<void>((resolve) => void receiver.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void receiver.close())
    const url = `http://me:secret@127.0.0.1:${(receiver.address() as AddressInfo).port}/heads`
    const lines: string[] = []
    const log = Object.assign(createLog('error', false), { error: (_: object, text: string) => void lines.push(text) })
    const copies = createHeadCopies({ folder: null, url }, log)
    // Its attempts would go on in the tests that this worker runs next, through what they put in the place of `fetch`.
    onTestFinished(() => copies.stop())
    copies.add(['{"line":1}', '{"line":2}'], 'key')
    await copies.settled()
    expect([copies.unsent(), lines]).toEqual([2, ['audit heads cannot be copied; retrying']])
    isBroken = false
    copies.add(['{"line":3}'], 'key')
    await copies.settled()
    expect(copies.unsent()).toBe(0)
    expect(received).toEqual([`Basic ${Buffer.from('me:secret').toString('base64')} {"line":1}\n{"line":2}\n{"line":3}\n`])
    isBroken = true
    copies.add(
      Array.from({ length: 10_500 }, (_, index) => `{"line":${index}}`),
      'key',
    )
    await copies.settled()
    expect(copies.unsent()).toBe(10_500)
  })

  test('Copies that are stopped are not tried again, also when the stop comes before the failure', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const timers = vi.spyOn(globalThis, 'setTimeout')
    onTestFinished(() => {
      vi.restoreAllMocks()
      vi.useRealTimers()
    })
    const retries = (): number => timers.mock.calls.filter(([, ms]) => ms === 30_000).length
    const home = `${server().home}-stopped`
    mkdirSync(home, { recursive: true })
    writeFileSync(path.join(home, 'file'), '')
    const log = createLog('silent', false)
    const [failed, stopped] = [0, 1].map(() => createHeadCopies({ folder: path.join(home, 'file', 'below'), url: null }, log))
    failed?.add(['{"line":1}'], 'key')
    await failed?.settled()
    expect(retries()).toBe(1)
    failed?.stop()
    stopped?.stop()
    stopped?.add(['{"line":1}'], 'key')
    await stopped?.settled()
    await vi.advanceTimersByTimeAsync(61_000)
    await failed?.settled()
    expect(retries()).toBe(1)
    expect([failed?.unsent(), stopped?.unsent()]).toEqual([1, 1])
  })

  test('Another server with a home of its own joins without a problem', async () => {
    const { ours } = await witnessedHome()
    const other = `${server().home}-another`
    const joined = recorder(other)
    await joined.seal()
    await ours.issue()
    await joined.seal()
    expect(joined.problems).toEqual([])
    expect(await verify(other, ours)).toMatchObject({ ok: true, witness: { ok: true, problem: null } })
  })

  test('Two servers that share a home write one history', async () => {
    const { home, ours } = await witnessedHome()
    const both = [recorder(home), recorder(home)]
    for (let n = 0; n < 10; n += 1) {
      await ours.issue()
      await Promise.all(both.map((each) => each.seal()))
    }
    expect(both.flatMap(({ problems }) => problems)).toEqual([])
    expect(await verify(home, ours)).toMatchObject({ ok: true, witness: { ok: true, problem: null } })
  })

  test('Two servers that share a home and write different numbers of lines at once write one history', async () => {
    const { home, ours } = await witnessedHome()
    const both = [1, 2].map(() => createWitness(server().store, openHeadFile(home), createLog('silent', false)))
    for (const witness of both) await witness.open()
    const at = new Date().toISOString()
    for (let round = 0; round < 20; round += 1) {
      // The one that writes fewer lines may write them last: then the file ends with a smaller number than the database has.
      const counts = round % 2 === 0 ? [3, 1] : [1, 3]
      await Promise.all(
        both.map((witness, which) => witness.append(Array.from({ length: counts[which] ?? 1 }, () => ({ note: 'opened', at })))),
      )
      expect(await verify(home, ours)).toMatchObject({ ok: true, witness: { ok: true, problem: null } })
    }
  })

  test('A history of rotated files is one history, and a file that is missing in it is found', async () => {
    const ours = await world(server())
    const home = `${server().home}-rotated`
    const seal = createSealer(server().store, openHeadFile(home, 2000), createLog('silent', false))
    for (let n = 0; n < 30; n += 1) {
      await ours.issue()
      await recorder(`${home}-other`).seal()
      await seal()
    }
    expect(await verify(home, ours)).toMatchObject({ ok: true, witness: { ok: true, problem: null } })
    const history = await openHeadFile(home).readHistory(null)
    expect(history.last?.line).toBeGreaterThan(30)
    const [middle] = [...Array(60).keys()]
      .filter((number) => {
        try {
          return readFileSync(path.join(home, `audit-heads.${number}.ndjson`)).length > 0
        } catch {
          return false
        }
      })
      .slice(1)
    rmSync(path.join(home, `audit-heads.${middle}.ndjson`))
    await expectProblem({ home, ours }, 'file_cut')
  })
})
