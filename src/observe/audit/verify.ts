import type { ReadDb } from '../../platform/db/types.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import { chainEnd, findUnchained, readLinks, seqBefore } from './chain.ts'
import type { ChainEnd, Link, UnchainedRow } from './chain.ts'
import type { SignedHead } from './headLines.ts'
import type { HeadFile } from './heads.ts'
import { canonicalRow, GENESIS, linkHash } from './row.ts'
import { problemOf, readWitness } from './witness.ts'
import { readTimelines } from './timelines.ts'
import type { Timeline } from './timelines.ts'
import type { WitnessProblem } from './witnessProblems.ts'

/**
 * The ways in which a chain can be broken:
 * `edited`: the row differs from the row that was sealed, because it was changed or swapped with another row;
 * `removed`: the row was deleted; `unlinked`: its link was deleted;
 * `reordered`: the links are not in the order of their rows;
 * `inserted`: a row without a link lies among sealed rows;
 * `rewritten`: the chain is consistent, but it contradicts a head that was recorded outside the database;
 * `cut`: a recorded head lies behind the end of the chain.
 */
export const breakKinds = ['edited', 'removed', 'unlinked', 'reordered', 'inserted', 'rewritten', 'cut'] as const

export interface Break {
  readonly position: number
  readonly seq: number | null
  readonly kind: (typeof breakKinds)[number]
  readonly id: string | null
  readonly action: string | null
}

export interface VerificationResult {
  readonly ok: boolean
  readonly companyId: string
  readonly sealedRows: number
  readonly unsealedRows: number
  readonly head: { readonly position: number; readonly hash: string }
  /** The range whose hashes were computed again. */
  readonly checked: { readonly from: number; readonly to: number }
  /** Heads recorded outside the database that the chain was compared with. */
  readonly notedHeads: number
  readonly firstBroken: Break | null
  readonly witness: WitnessState
  /** The timelines behind the first, oldest first: each began where the database had been restored. */
  readonly timelines: readonly Timeline[]
}

/** Whether the record of heads outside the database can be relied on. Without it a cut tail cannot be ruled out. */
export interface WitnessState {
  readonly ok: boolean
  /** The first problem that was found, now or at an earlier start; null when there is none. */
  readonly problem: WitnessProblem | null
  /** The number of the last line of the file of heads. */
  readonly lines: number
}

export interface PositionRange {
  readonly from?: number | undefined
  readonly to?: number | undefined
  /**
   * The range begins with the newest head that was recorded by this time. Rows that were inserted before it are not searched for.
   */
  readonly since?: Instant | undefined
}

/** Expected hashes by position; several where lines of the file contradict each other. */
type ExpectedHashes = ReadonlyMap<number, readonly ExpectedHash[]>

interface ExpectedHash {
  readonly hash: string
  readonly isGenuine: () => boolean
}

interface Evidence {
  readonly heads: readonly SignedHead[]
  readonly expectedHashes: ExpectedHashes
  readonly witness: WitnessState
}

const NO_WITNESS: Evidence = { heads: [], expectedHashes: new Map(), witness: { ok: true, problem: null, lines: 0 } }

/**
 * Reads the witness: the hashes that a chain must have, by position, and whether the witness itself is whole. The signature
 * of a head is checked only when its hash differs.
 */
async function readEvidence(db: Pick<ReadDb, 'run'>, file: HeadFile, companyId: string): Promise<Evidence> {
  const { history, finding } = await readWitness(db, file, companyId)
  const expectedHashes = new Map<number, ExpectedHash[]>()
  const addExpected = (position: number, hash: string, isGenuine: () => boolean): void => {
    const existing = expectedHashes.get(position)
    if (existing === undefined) expectedHashes.set(position, [{ hash, isGenuine }])
    else if (existing.every((other) => other.hash !== hash)) existing.push({ hash, isGenuine })
  }
  for (const line of history.heads) {
    const isGenuine = (): boolean => file.isGenuine(line)
    addExpected(line.position, line.hash, isGenuine)
    if (line.contradicts !== undefined) addExpected(line.contradicts.position, line.contradicts.hash, isGenuine)
  }
  const problem = problemOf(history, finding)
  const witness = { ok: problem === null, problem, lines: history.last?.line ?? 0 }
  return { heads: history.heads, expectedHashes, witness }
}

/** The position of the newest genuine head that was recorded by a time. The times in the database prove nothing: an intruder can change them. */
function positionAt(heads: readonly SignedHead[], file: HeadFile | null, since: Instant): number {
  const sinceMs = Date.parse(since)
  const earlier = heads.filter(({ at }) => Date.parse(at) <= sinceMs).toSorted((one, other) => other.position - one.position)
  return earlier.find((head) => file?.isGenuine(head) === true)?.position ?? 1
}

const breakAt = (link: Link, kind: Break['kind']): Break => ({
  position: link.position,
  seq: link.linkSeq,
  kind,
  id: link.id,
  action: link.action,
})

const isAfter = (link: Link, previousLink: Link): boolean => {
  const [a, b] = [BigInt(link.linkTxid), BigInt(previousLink.linkTxid)]
  return a > b || (a === b && link.linkSeq > previousLink.linkSeq)
}

/** Recomputes a range link by link and returns the first broken link. */
async function firstBrokenLink(
  db: Pick<ReadDb, 'run'>,
  companyId: string,
  { from, to }: { readonly from: number; readonly to: number },
  expectedHashes: ExpectedHashes,
): Promise<Break | null> {
  let previousHash = GENESIS
  let previousLink: Link | undefined
  let expectedPosition = from
  if (from > 1) {
    // The first hash of the range depends on the hash before the range, which is not verified.
    for await (const link of readLinks(db, companyId, from - 1, from - 1)) [previousLink, previousHash] = [link, link.hash]
  }
  for await (const link of readLinks(db, companyId, from, to)) {
    if (link.position !== expectedPosition) return { position: expectedPosition, seq: null, kind: 'unlinked', id: null, action: null }
    if (link.seq === null) return breakAt(link, 'removed')
    if (previousLink !== undefined && !isAfter(link, previousLink)) return breakAt(link, 'reordered')
    if (link.txid !== link.linkTxid || linkHash(previousHash, link.position, canonicalRow(link)) !== link.hash)
      return breakAt(link, 'edited')
    if (expectedHashes.get(link.position)?.some((expectedHash) => expectedHash.hash !== link.hash && expectedHash.isGenuine()) === true)
      return breakAt(link, 'rewritten')
    previousHash = link.hash
    previousLink = link
    expectedPosition += 1
  }
  return expectedPosition <= to ? { position: expectedPosition, seq: null, kind: 'unlinked', id: null, action: null } : null
}

function cutBreak(end: ChainEnd, expectedHashes: ExpectedHashes): Break | null {
  for (const [position, hashes] of expectedHashes) {
    if (position > end.position && hashes.some((expectedHash) => expectedHash.isGenuine()))
      return { position: end.position + 1, seq: null, kind: 'cut', id: null, action: null }
  }
  return null
}

const insertedBreak = (unchained: UnchainedRow, end: ChainEnd): Break => ({
  position: unchained.before ?? end.position + 1,
  seq: unchained.seq,
  kind: 'inserted',
  id: unchained.id,
  action: unchained.action,
})

/**
 * Recomputes the chain of a company and returns its first broken row (I7). The log is read a page at a time, so a company
 * of any size takes the same memory.
 *
 * @param file the heads recorded outside the database; without it (null) rewritten and cut chains are not found
 * @param range positions whose hashes are computed again, by default all. A cut tail is always found, and an inserted row unless `since` is
 *   given
 */
export async function verifyChain(
  db: Pick<ReadDb, 'run'>,
  companyId: string,
  file: HeadFile | null,
  range: PositionRange = {},
): Promise<VerificationResult> {
  // The witness is read before the chain, so every recorded head has been sealed by then.
  const { heads, expectedHashes, witness } = file === null ? NO_WITNESS : await readEvidence(db, file, companyId)
  const end = await chainEnd(db, companyId)
  const wanted = range.since === undefined ? (range.from ?? 1) : positionAt(heads, file, range.since)
  const from = Math.min(wanted, end.position + 1)
  const to = Math.min(range.to ?? end.position, end.position)
  const searchedFrom = range.since === undefined ? null : await seqBefore(db, companyId, from)
  const { unsealed, unchained } = await findUnchained(db, companyId, end, searchedFrom)
  const breaks = [
    unchained === null ? null : insertedBreak(unchained, end),
    await firstBrokenLink(db, companyId, { from, to }, expectedHashes),
    cutBreak(end, expectedHashes),
  ].filter((found) => found !== null)
  const firstBroken = breaks.toSorted((a, b) => a.position - b.position)[0] ?? null
  return {
    ok: firstBroken === null && witness.ok,
    companyId,
    sealedRows: end.position,
    unsealedRows: unsealed,
    head: { position: end.position, hash: end.hash },
    checked: { from, to },
    notedHeads: heads.length,
    firstBroken,
    witness,
    timelines: await readTimelines(db),
  }
}
