import type { Description } from '../format.ts'
import { readJournal } from './file.ts'
import type { KnownJournal } from './file.ts'
import { hashOfId, isBefore } from './lines.ts'
import type { Place } from './lines.ts'
import type { JournalProblem } from './problems.ts'

/** The findings of a journal about a backup. */
export interface Voucher {
  /** Why the journal does not vouch for keys of agents; null when it does. */
  readonly problem: JournalProblem | null
  /** When the journal had read everything for the last time; null where it does not say. */
  readonly seenUntil: string | null
  readonly isKeyRevoked: (key: { readonly id: string; readonly agentId: string; readonly companyId: string }) => boolean
  /** How an agent of the backup ended after it; null when it did not. */
  readonly endOf: (agentId: string, companyId: string) => 'terminated' | 'quarantined' | null
}

/** The time and the timeline for which a journal is to vouch. */
export interface Span {
  /** The timeline of the backup; null for an instance without rows. */
  readonly timeline: string | null
  /** The time at which the last server on the lost database ended, in milliseconds. */
  readonly lostAtMs: number
}

/**
 * A journal is written every minute, also while nothing happens. Where the time of the loss is not known it is the present, so this is how long an
 * operator has until a restore; where the time is known, a revocation of the minutes before it may be missing, as one of the last second always may.
 */
export const MAX_UNSEEN_MS = 60 * 60_000

const isStale = (seenAt: string, lostAtMs: number): boolean => !(lostAtMs - Date.parse(seenAt) <= MAX_UNSEEN_MS)

/** How far a journal has come in each timeline that it saw without a gap up to its end. */
function reaches({ journal, place }: KnownJournal): ReadonlyMap<string, Place> {
  const found = new Map<string, Place>()
  const doubted = new Set<string>()
  const first = journal.lines.find((line) => line.kind === 'begin')
  let [timeline, pass] = [first?.timeline ?? journal.instance, 0]
  // Of a timeline that was set back the last pass counts: the numbers of the other one are those of rows that are lost.
  const close = (seen: Place): void => void found.set(timeline, seen)
  for (const line of journal.lines) {
    if (line.kind !== 'timeline' || line.pass <= pass) continue
    close(line.seen)
    // Nothing was looked at in between, so nothing before it is complete.
    if (line.seenAt === null || isStale(line.seenAt, Date.parse(line.at))) {
      for (const each of found.keys()) doubted.add(each)
      found.clear()
    }
    ;[timeline, pass] = [line.timeline, line.pass]
  }
  close(place)
  return new Map([...found].filter(([each]) => !doubted.has(each)))
}

/**
 * A journal vouches when it is of the instance of the backup, whole, has followed the timeline of the backup at least as far as the backup and without a gap
 * since, and has lived until the loss.
 */
function problemOf(known: KnownJournal | null, { instance, newest }: Description, { timeline, lostAtMs }: Span): Voucher['problem'] {
  if (known === null) return 'missing'
  if (instance === null || timeline === null || known.journal.instance !== instance) return 'other_instance'
  if (!known.isWhole) return 'damaged'
  const seen = reaches(known).get(timeline)
  if (seen === undefined) return 'other_timeline'
  if (newest !== null && isBefore(seen, newest)) return 'older'
  return known.seenAt === null || isStale(known.seenAt, lostAtMs) ? 'stale' : null
}

/** Reads what a journal knows of the keys and agents of a backup. A journal that does not vouch is still believed where it names an end. */
export function voucherOf(known: KnownJournal | null, description: Description, span: Span): Voucher {
  const problem = problemOf(known, description, span)
  const keys = new Set<string>()
  const companies = new Set<string>()
  const agents = new Map<string, 'terminated' | 'quarantined' | null>()
  const lines = problem === 'missing' || problem === 'other_instance' ? [] : (known?.journal.lines ?? [])
  for (const line of lines) {
    if (line.kind === 'key') keys.add(line.id)
    if (line.kind === 'company') companies.add(line.id)
    if (line.kind !== 'agent' || agents.get(line.id) === 'terminated') continue
    agents.set(line.id, line.end === 'released' ? null : line.end === 'quarantined' ? 'quarantined' : 'terminated')
  }
  const endOf: Voucher['endOf'] = (agentId, companyId) =>
    companies.has(hashOfId('company', companyId)) ? 'terminated' : (agents.get(hashOfId('agent', agentId)) ?? null)
  return {
    problem,
    seenUntil: known?.seenAt ?? null,
    endOf,
    isKeyRevoked: ({ id, agentId, companyId }) => keys.has(hashOfId('key', id)) || endOf(agentId, companyId) !== null,
  }
}

/**
 * When the journal of a home lived last, where that is so long before the time of the loss that it will not vouch; null otherwise.
 * @param lostAtMs in milliseconds
 */
export async function staleSince(home: string, lostAtMs: number): Promise<string | null> {
  const seenAt = (await readJournal(home))?.seenAt ?? null
  return seenAt !== null && isStale(seenAt, lostAtMs) ? seenAt : null
}
