import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { emptyTarget, restoreInto, serveRestored, silentLog, takeBackup, temporaryFolder } from '../../dev/testing/backups.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import type { TestAgent } from '../../dev/testing/world.ts'
import type { Description } from '../format.ts'
import { readJournal } from './file.ts'
import { JOURNAL_FILE } from './lines.ts'
import { createRevocationJournal } from './task.ts'
import type { RevocationJournal } from './task.ts'
import { timelineOfBackup } from './timeline.ts'
import { MAX_UNSEEN_MS, voucherOf } from './vouch.ts'

const server = useServer()

function openJournal(home: string): RevocationJournal {
  const journal = createRevocationJournal(server().store, home, silentLog)
  onTestFinished(() => journal.stop())
  return journal
}

const keyIdOf = async (agent: TestAgent): Promise<string> => (await server().board.get(`/api/agents/${agent.id}/keys`)).body[0].id
const revokeKey = async (agent: TestAgent): Promise<string> => {
  const id = await keyIdOf(agent)
  expect((await server().board.del(`/api/agents/${agent.id}/keys/${id}`)).status).toBe(200)
  return id
}

/** The description of a backup that is taken now. */
async function descriptionNow(): Promise<Description> {
  const { rows } = await server().database.sql.query<{ instance: string; txid: string; seq: string }>(
    `select (select id from activity_log order by seq limit 1) as instance, txid::text as txid, seq::text as seq from activity_log order by txid desc, seq desc limit 1`,
  )
  const [row] = rows
  return { instance: row?.instance ?? null, newest: { txid: row?.txid ?? '0', seq: Number(row?.seq) } } as Description
}

const spanNow = async () => ({ timeline: await timelineOfBackup(server().store.read), lostAtMs: Date.now() })
const voucherIn = async (home: string) => voucherOf(await readJournal(home), await descriptionNow(), await spanNow())

describe('the journal of revocations', () => {
  test('It has every revocation of before it began and after a crash, by any server, and vouches', async () => {
    const w = await world(server())
    const home = temporaryFolder()
    const [early, late, other] = [await w.agent(), await w.agent(), await w.agent()]
    const [earlyKey, otherKey] = [await revokeKey(early), await keyIdOf(other)]
    await openJournal(home).run()
    // The process of this journal ends without a word; the next one goes on from what it reads.
    const peer = await server().startPeer()
    onTestFinished(() => peer.stop())
    const lateKey = (await peer.board.get(`/api/agents/${late.id}/keys`)).body[0].id
    await peer.board.del(`/api/agents/${late.id}/keys/${lateKey}`)
    const journal = openJournal(home)
    await journal.run()
    await journal.stop()
    const voucher = await voucherIn(home)
    expect(voucher.problem).toBeNull()
    const isRevoked = (id: string, agent: TestAgent): boolean => voucher.isKeyRevoked({ id, agentId: agent.id, companyId: w.company.id })
    expect([isRevoked(earlyKey, early), isRevoked(lateKey, late), isRevoked(otherKey, other)]).toEqual([true, true, false])
  })

  test('A key that a restore revoked stays dead when the same backup is restored again', async () => {
    const w = await world(server())
    await w.agent()
    const { file } = await takeBackup(server())
    const first = await emptyTarget()
    expect(await restoreInto(first, file)).toMatchObject({ journalProblem: 'missing', keptKeys: 0 })
    const restored = await serveRestored(first)
    const home = temporaryFolder()
    const journal = createRevocationJournal(restored.store, home, silentLog)
    await journal.run()
    await journal.stop()
    const again = await restoreInto(await emptyTarget(), file, { journalHome: home })
    // A journal that was made anew behind a restore has not seen what was revoked in the database before it.
    expect(again).toMatchObject({ journalProblem: 'other_timeline', keptKeys: 0 })
    expect(again.revokedKeys).toBeGreaterThan(0)
  })

  test('Terminated agents, those in quarantine and those of deleted companies are ended, and a released one is not', async () => {
    const w = await world(server())
    const gone = await world(server())
    const home = temporaryFolder()
    const [terminated, quarantined, released] = [await w.agent(), await w.agent(), await w.agent()]
    const orphan = await gone.agent()
    await server().board.post(`/api/agents/${terminated.id}/terminate`, {})
    for (const agent of [quarantined, released]) await server().board.post(`/api/agents/${agent.id}/quarantine`, { reason: 'a test' })
    await server().board.del(`/api/agents/${released.id}/quarantine`)
    expect((await server().board.del(`/api/companies/${gone.company.id}`)).status).toBe(200)
    const journal = openJournal(home)
    await journal.run()
    await journal.stop()
    const voucher = await voucherIn(home)
    expect([
      voucher.endOf(terminated.id, w.company.id),
      voucher.endOf(quarantined.id, w.company.id),
      voucher.endOf(released.id, w.company.id),
      voucher.endOf(orphan.id, gone.company.id),
    ]).toEqual(['terminated', 'quarantined', null, 'terminated'])
  })

  test('One that is missing, older, of another instance, or changed does not vouch, and a changed one is made anew', async () => {
    const w = await world(server())
    const home = temporaryFolder()
    expect((await voucherIn(home)).problem).toBe('missing')
    await revokeKey(await w.agent())
    await revokeKey(await w.agent())
    const journal = openJournal(home)
    await journal.run()
    await journal.stop()
    expect((await voucherIn(home)).problem).toBeNull()
    const ofOther = { ...(await descriptionNow()), instance: crypto.randomUUID() }
    expect(voucherOf(await readJournal(home), ofOther, await spanNow()).problem).toBe('other_instance')
    const later = { ...(await spanNow()), lostAtMs: Date.now() + MAX_UNSEEN_MS + 1000 }
    expect(voucherOf(await readJournal(home), await descriptionNow(), later).problem).toBe('stale')
    await w.issue()
    expect((await voucherIn(home)).problem).toBe('older')

    const file = path.join(home, JOURNAL_FILE)
    const text = readFileSync(file, 'utf8')
    // A line in the middle is taken out; the last line is taken off; the end of a line is cut off by a crash.
    const lines = text.split('\n').filter((line) => line !== '')
    writeFileSync(file, lines.filter((_, at) => at !== 1).join('\n'))
    expect((await readJournal(home))?.isWhole).toBe(false)
    writeFileSync(file, `${lines.slice(0, -1).join('\n')}\n`)
    expect((await readJournal(home))?.isWhole).toBe(false)
    const next = openJournal(home)
    await next.run()
    await next.stop()
    expect((await voucherIn(home)).problem).toBeNull()
    expect(readdirSync(home).filter((name) => name.startsWith('revocations.before-'))).toHaveLength(1)
    appendFileSync(file, '{"kind":"key","id":"12')
    expect((await readJournal(home))?.isWhole).toBe(true)
  })
})
