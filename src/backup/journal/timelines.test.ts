import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { emptyTarget, restoreInto, serveRestored, silentLog, takeBackup, temporaryFolder } from '../../dev/testing/backups.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import type { TestAgent, TestServer } from '../../dev/testing/world.ts'
import type { Description } from '../format.ts'
import { readJournal, writePosition } from './file.ts'
import { GENESIS, hashOf, hashOfId, parseJournal, POSITION_FILE, textOf } from './lines.ts'
import type { JournalFact, Place } from './lines.ts'
import { createRevocationJournal } from './task.ts'
import { MAX_UNSEEN_MS, voucherOf } from './vouch.ts'

const server = useServer()

/** Lets the journal of a home follow a server once, as one that stops afterwards. */
async function follow(on: Pick<TestServer, 'store'>, home: string): Promise<void> {
  const journal = createRevocationJournal(on.store, home, silentLog)
  await journal.run()
  await journal.stop()
}

const keyIdOf = async (on: Pick<TestServer, 'board'>, agent: Pick<TestAgent, 'id'>): Promise<string> =>
  (await on.board.get(`/api/agents/${agent.id}/keys`)).body[0].id

async function revoke(on: Pick<TestServer, 'board'>, agent: Pick<TestAgent, 'id'>): Promise<string> {
  const id = await keyIdOf(on, agent)
  expect((await on.board.del(`/api/agents/${agent.id}/keys/${id}`)).status).toBe(200)
  return id
}

const statusOf = async (on: TestServer, key: string): Promise<number> => (await on.bearer(key).get('/api/agents/me')).status

describe('the journal of revocations over a restore', () => {
  test('One that followed both databases vouches for a backup of either, and one that began behind the restore does not for the first', async () => {
    const w = await world(server())
    const kept = await w.agent()
    const home = temporaryFolder()
    const first = await takeBackup(server())
    // Behind the first backup: an agent that is in the second, and whose key is revoked after both.
    const late = await w.agent()
    const second = await takeBackup(server())
    await revoke(server(), late)
    await follow(server(), home)

    const target = await emptyTarget()
    expect(await restoreInto(target, first.file, { journalHome: home })).toMatchObject({ journalProblem: null })
    const restored = await serveRestored(target)
    await follow(restored, home)
    const anew = temporaryFolder()
    await follow(restored, anew)

    const known = await emptyTarget()
    expect(await restoreInto(known, second.file, { journalHome: home })).toMatchObject({ journalProblem: null })
    const again = await serveRestored(known)
    expect([await statusOf(again, kept.key), await statusOf(again, late.key)]).toEqual([200, 401])
    // It has read further than the second backup by its numbers, and has never seen what was revoked there.
    const unseen = await emptyTarget()
    expect(await restoreInto(unseen, second.file, { journalHome: anew })).toMatchObject({ journalProblem: 'other_timeline', keptKeys: 0 })
    const ofRestored = await takeBackup(restored)
    expect(await restoreInto(await emptyTarget(), ofRestored.file, { journalHome: anew })).toMatchObject({ journalProblem: null })
  }, 60_000)

  test('One that is ahead of its database, because that was set back, reads it again and is not blind', async () => {
    const w = await world(server())
    const agent = await w.agent()
    const home = temporaryFolder()
    await follow(server(), home)
    const { journal } = (await readJournal(home)) ?? {}
    const ahead = { txid: '999999999999', seq: 999_999_999 }
    await writePosition(home, {
      instance: journal?.instance ?? '',
      ...ahead,
      last: journal?.last ?? '',
      pass: 0,
      at: new Date().toISOString(),
    })
    const id = await revoke(server(), agent)
    await follow(server(), home)
    const after = await readJournal(home)
    expect(after?.journal).toMatchObject({ pass: 1, timeline: journal?.timeline })
    expect(BigInt(after?.place.txid ?? '0')).toBeLessThan(BigInt(ahead.txid))
    const ofInstance = { instance: journal?.instance ?? null, newest: after?.place ?? null } as Description
    const believed = voucherOf(after, ofInstance, { timeline: journal?.timeline ?? null, lostAtMs: Date.now() })
    expect(believed.problem).toBeNull()
    expect(believed.isKeyRevoked({ id, agentId: agent.id, companyId: w.company.id })).toBe(true)
  })

  test('A server that works while its database is set back finds it with its next row', async () => {
    const w = await world(server())
    const agent = await w.agent()
    const home = temporaryFolder()
    const { database } = server()
    const journal = createRevocationJournal(server().store, home, silentLog)
    onTestFinished(() => journal.stop())
    await journal.run()
    const before = (await readJournal(home))?.journal.pass
    // The newest row, which the journal has read, goes as if the database were of an older time.
    await database.sql.query('alter table activity_log disable trigger all')
    await database.sql.query('delete from activity_log where seq = (select max(seq) from activity_log)')
    await database.sql.query('alter table activity_log enable trigger all')
    const id = await revoke(server(), agent)
    await journal.run()
    const { journal: after } = (await readJournal(home)) ?? {}
    expect([before, after?.pass]).toEqual([0, 1])
    expect(after?.lines).toContainEqual(expect.objectContaining({ kind: 'key', id: hashOfId('key', id) }))
  })

  test('It says when it lived last, also while nothing happens, and without its position only up to its last entry', async () => {
    const w = await world(server())
    const home = temporaryFolder()
    await revoke(server(), await w.agent())
    const beganAt = Date.now()
    await follow(server(), home)
    const entry = (await readJournal(home))?.journal.lines.at(-1)
    const seenAt = (await readJournal(home))?.seenAt ?? ''
    expect(Date.parse(seenAt)).toBeGreaterThanOrEqual(beganAt)
    const idle = createRevocationJournal(server().store, home, silentLog)
    await idle.run()
    await idle.run()
    await idle.stop()
    expect(Date.parse((await readJournal(home))?.seenAt ?? '')).toBeGreaterThanOrEqual(Date.parse(seenAt))
    rmSync(path.join(home, POSITION_FILE))
    expect((await readJournal(home))?.seenAt).toBe(entry !== undefined && 'at' in entry ? entry.at : 'none')
  })
})

const HOUR_MS = 3_600_000
const place = (txid: number): Place => ({ txid: String(txid), seq: txid })
const [instance, restored] = [randomUUID(), randomUUID()]

/** A journal of lines, which has read up to a place and lived until a time. */
function journalOf(facts: readonly JournalFact[], reach: { readonly place: Place; readonly seenAt: string | null }) {
  const rows: string[] = []
  let previous = GENESIS
  for (const fact of facts) {
    rows.push(textOf(fact, previous))
    previous = hashOf(rows.at(-1) ?? '')
  }
  const journal = parseJournal(rows.join('\n'))
  if (journal === null) throw new Error('these are no lines of a journal')
  return { journal, ...reach, isWhole: true }
}

const at = (ms: number): string => new Date(ms).toISOString()
const begin = { kind: 'begin', instance, timeline: instance, at: at(0) } as const
const description = (newest: number) => ({ instance, newest: place(newest) }) as Description

describe('what a journal vouches for', () => {
  const switchAt = (ms: number, seenAt: number | null, timeline: string) =>
    ({ kind: 'timeline', pass: 1, timeline, seen: place(700), seenAt: seenAt === null ? null : at(seenAt), at: at(ms) }) as const

  test('It vouches for the timeline before a restore only as far as it had read, and only without a gap', () => {
    const reach = { place: place(5000), seenAt: at(10 * HOUR_MS) }
    const problemOf = (line: JournalFact, newest: number, timeline = instance) =>
      voucherOf(journalOf([begin, line], reach), description(newest), { timeline, lostAtMs: 10 * HOUR_MS }).problem
    const close = switchAt(9 * HOUR_MS, 9 * HOUR_MS - 60_000, restored)
    expect(problemOf(close, 600)).toBeNull()
    expect(problemOf(close, 701)).toBe('older')
    expect(problemOf(close, 4000, restored)).toBeNull()
    expect(problemOf(close, 6000, restored)).toBe('older')
    expect(problemOf(close, 600, randomUUID())).toBe('other_timeline')
    // It stood still before the restore, so it does not know what was revoked then.
    for (const gap of [switchAt(9 * HOUR_MS, 9 * HOUR_MS - MAX_UNSEEN_MS - 1, restored), switchAt(9 * HOUR_MS, null, restored)]) {
      expect(problemOf(gap, 600)).toBe('other_timeline')
      expect(problemOf(gap, 4000, restored)).toBeNull()
    }
    // Set back by other means it is the same timeline, of which a part was not seen.
    expect(problemOf(switchAt(9 * HOUR_MS, 9 * HOUR_MS - MAX_UNSEEN_MS - 1, instance), 600)).toBe('other_timeline')
    expect(problemOf(switchAt(9 * HOUR_MS, 9 * HOUR_MS - 1000, instance), 600)).toBeNull()
  })

  test('It vouches up to its last sign of life: a loss long after that is not covered', () => {
    const problemAt = (lostAtMs: number, seenAt: string | null) =>
      voucherOf(journalOf([begin], { place: place(700), seenAt }), description(600), { timeline: instance, lostAtMs }).problem
    expect(problemAt(MAX_UNSEEN_MS, at(0))).toBeNull()
    expect(problemAt(MAX_UNSEEN_MS + 1, at(0))).toBe('stale')
    expect(problemAt(MAX_UNSEEN_MS, null)).toBe('stale')
  })

  test('A journal of a build of before names no timeline, and is that of the first row', () => {
    const old = journalOf([{ kind: 'begin', instance }], { place: place(700), seenAt: at(0) })
    expect(voucherOf(old, description(600), { timeline: instance, lostAtMs: 0 }).problem).toBeNull()
    expect(voucherOf(old, description(600), { timeline: restored, lostAtMs: 0 }).problem).toBe('other_timeline')
  })
})
