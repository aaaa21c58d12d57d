import type { ReadDb } from '../db/store.ts'
import { chainEnd, findStray, readLinks } from './chain.ts'
import type { ChainEnd, Link, Stray } from './chain.ts'
import type { HeadFile } from './heads.ts'
import { canonicalRow, GENESIS, linkOf } from './row.ts'

/**
 * What was found:
 * `edited`: what stands there is not what was sealed: changed, or swapped with another row;
 * `removed`: the row is gone; `unlinked`: its link is gone;
 * `reordered`: links do not stand in the order of their rows;
 * `inserted`: a row stands among sealed ones that was never sealed;
 * `rewritten`: a chain that fits together, but not the head that was noted outside the database;
 * `cut`: the noted head goes further than the chain.
 */
export const breakKinds = ['edited', 'removed', 'unlinked', 'reordered', 'inserted', 'rewritten', 'cut'] as const

export interface Break {
  readonly position: number
  readonly seq: number | null
  readonly kind: (typeof breakKinds)[number]
  readonly id: string | null
  readonly action: string | null
}

export interface Verdict {
  readonly ok: boolean
  readonly companyId: string
  readonly sealedRows: number
  readonly unsealedRows: number
  readonly head: { readonly position: number; readonly hash: string }
  /** The stretch whose hashes were computed anew. */
  readonly checked: { readonly from: number; readonly to: number }
  /** Heads noted outside the database that the chain was compared with. */
  readonly notedHeads: number
  readonly firstBroken: Break | null
}

export interface Stretch {
  readonly from?: number | undefined
  readonly to?: number | undefined
}

interface Claim {
  readonly hash: string
  readonly isGenuine: () => boolean
}

/** What the file of heads says a chain must have, by position. A signature is checked only where a claim is not met. */
async function claimsOf(file: HeadFile | null, companyId: string): Promise<{ lines: number; claims: Map<number, Claim[]> }> {
  const lines = file === null ? [] : await file.of(companyId)
  const claims = new Map<number, Claim[]>()
  const claim = (position: number, hash: string, isGenuine: () => boolean): void => {
    const known = claims.get(position)
    if (known === undefined) claims.set(position, [{ hash, isGenuine }])
    else if (known.every((other) => other.hash !== hash)) known.push({ hash, isGenuine })
  }
  for (const line of lines) {
    const isGenuine = (): boolean => file?.isGenuine(line) === true
    claim(line.position, line.hash, isGenuine)
    if (line.contradicts !== undefined) claim(line.contradicts.position, line.contradicts.hash, isGenuine)
  }
  return { lines: lines.length, claims }
}

const at = (link: Link, kind: Break['kind']): Break => ({
  position: link.position,
  seq: link.linkSeq,
  kind,
  id: link.id,
  action: link.action,
})

const isAfter = (link: Link, before: Link): boolean => {
  const [a, b] = [BigInt(link.linkTxid), BigInt(before.linkTxid)]
  return a > b || (a === b && link.linkSeq > before.linkSeq)
}

/** Recomputes a stretch link by link and names the first that does not hold. */
async function firstBrokenLink(
  db: Pick<ReadDb, 'run'>,
  companyId: string,
  from: number,
  to: number,
  claims: ReadonlyMap<number, readonly Claim[]>,
): Promise<Break | null> {
  let previous = GENESIS
  let before: Link | undefined
  let expected = from
  if (from > 1) {
    // The stretch hangs on the hash before it, which is taken as it stands.
    for await (const link of readLinks(db, companyId, from - 1, from - 1)) [before, previous] = [link, link.hash]
  }
  for await (const link of readLinks(db, companyId, from, to)) {
    if (link.position !== expected) return { position: expected, seq: null, kind: 'unlinked', id: null, action: null }
    if (link.seq === null) return at(link, 'removed')
    if (before !== undefined && !isAfter(link, before)) return at(link, 'reordered')
    if (link.txid !== link.linkTxid || linkOf(previous, link.position, canonicalRow(link)) !== link.hash) return at(link, 'edited')
    if (claims.get(link.position)?.some((claim) => claim.hash !== link.hash && claim.isGenuine()) === true) return at(link, 'rewritten')
    previous = link.hash
    before = link
    expected += 1
  }
  return expected <= to ? { position: expected, seq: null, kind: 'unlinked', id: null, action: null } : null
}

function cutBreak(end: ChainEnd, claims: ReadonlyMap<number, readonly Claim[]>): Break | null {
  for (const [position, claimed] of claims) {
    if (position > end.position && claimed.some((claim) => claim.isGenuine()))
      return { position: end.position + 1, seq: null, kind: 'cut', id: null, action: null }
  }
  return null
}

const strayBreak = (stray: Stray, end: ChainEnd): Break => ({
  position: stray.before ?? end.position + 1,
  seq: stray.seq,
  kind: 'inserted',
  id: stray.id,
  action: stray.action,
})

/**
 * Recomputes the chain of a company and names its first broken row (I7). The log is read a page at a time, so a company
 * of any size takes the same memory.
 *
 * @param file the heads noted outside the database; null leaves out what only they can show
 * @param stretch positions whose hashes are computed anew; all unless said. Inserted rows and a cut tail are always found
 */
export async function verifyChain(
  db: Pick<ReadDb, 'run'>,
  companyId: string,
  file: HeadFile | null,
  stretch: Stretch = {},
): Promise<Verdict> {
  // The file before the chain: what is noted was sealed by then.
  const { lines, claims } = await claimsOf(file, companyId)
  const end = await chainEnd(db, companyId)
  const from = Math.min(stretch.from ?? 1, end.position + 1)
  const to = Math.min(stretch.to ?? end.position, end.position)
  const { unsealed, stray } = await findStray(db, companyId, end)
  const breaks = [
    stray === null ? null : strayBreak(stray, end),
    await firstBrokenLink(db, companyId, from, to, claims),
    cutBreak(end, claims),
  ].filter((found) => found !== null)
  const firstBroken = breaks.toSorted((a, b) => a.position - b.position)[0] ?? null
  return {
    ok: firstBroken === null,
    companyId,
    sealedRows: end.position,
    unsealedRows: unsealed,
    head: { position: end.position, hash: end.hash },
    checked: { from, to },
    notedHeads: lines,
    firstBroken,
  }
}
