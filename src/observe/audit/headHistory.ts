// Reads all files of heads of a home as one history: numbered lines, each with the hash of the one before.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { hashOfLine, isNote, isNumbered, parseLine } from './headLines.ts'
import type { Link, Signer, SignedHead, SignedLine, SignedNote } from './headLines.ts'
import { isProblem } from './witnessProblems.ts'

/** Lines that are read in one turn of the event loop: about 20 ms. */
const LINES_PER_TURN = 1000

/** The content of all files of a home, without the database. */
export interface HeadHistory {
  /** Every head since the last acceptance, oldest first; of one company when one was asked for. Signatures are not checked. */
  readonly heads: readonly SignedHead[]
  /** Problems that were found earlier and noted, since the last acceptance. */
  readonly problems: readonly SignedNote[]
  /** The last numbered line, with its text's hash. */
  readonly last: (Link & { readonly hash: string }) | null
  readonly isLastGenuine: boolean
  /** The greatest number of a line: where two servers that share the home wrote at once, the last one may have a smaller. */
  readonly lastLine: number
  /** A numbered line is missing, or does not name the one before it. */
  readonly isCut: boolean
  /** The signatures of the lines with a number; more than one where two servers that share the home wrote at once. */
  readonly signaturesAt: (line: number) => readonly string[]
  readonly hasUnnumberedLines: boolean
  /** A line was signed with another key. */
  readonly hasForeignLines: boolean
}

interface Walk {
  readonly byLine: Map<number, { hash: string; signature: string }[]>
  isCut: boolean
  lastLine: number
  last: { readonly line: SignedLine & Link; readonly hash: string } | null
}

/**
 * Follows the chain by one line. A new file whose predecessors were deleted begins with a note, and so does what follows
 * on a problem: those may stand behind a gap. Two servers that share a home may write the same number, each behind a line that exists.
 */
function follow(walk: Walk, line: SignedLine & Link, text: string): void {
  const hash = hashOfLine(text)
  const before = walk.byLine.get(line.line - 1) ?? []
  const isFirst = walk.last === null
  const mayFollowGap = isNote(line) && (isProblem(line.note) || line.note === 'accepted' || (line.note === 'rotated' && isFirst))
  const isLinked = isFirst ? line.line === 1 : before.some((other) => other.hash === line.previous)
  if (!isLinked && !mayFollowGap) walk.isCut = true
  const same = walk.byLine.get(line.line)
  if (same === undefined) walk.byLine.set(line.line, [{ hash, signature: line.signature }])
  else same.push({ hash, signature: line.signature })
  walk.last = { line, hash }
  walk.lastLine = Math.max(walk.lastLine, line.line)
}

/**
 * Reads a history. The chain of hashes makes the last line's signature cover all before it, so one signature is checked.
 * @param texts the contents of the files, oldest first
 * @param companyId restricts `heads` to a company; null for all
 */
export async function readHistory(texts: readonly string[], companyId: string | null, signer: Signer): Promise<HeadHistory> {
  const walk: Walk = { byLine: new Map(), isCut: false, lastLine: 0, last: null }
  const heads: SignedHead[] = []
  const problems: SignedNote[] = []
  let [hasUnnumberedLines, hasForeignLines, lines] = [false, false, 0]
  for (const text of texts.flatMap((file) => file.split('\n'))) {
    lines += 1
    if (lines % LINES_PER_TURN === 0) await nextTurn()
    const line = parseLine(text)
    if (line === null) continue
    if (line.keyId !== signer.keyId) {
      hasForeignLines = true
      continue
    }
    if (isNumbered(line)) follow(walk, line, text)
    else hasUnnumberedLines = true
    if (isNote(line)) {
      if (isProblem(line.note)) problems.push(line)
      if (line.note === 'accepted' && signer.isGenuine(line)) {
        heads.length = 0
        problems.length = 0
        walk.isCut = false
      }
    } else if (companyId === null || line.companyId === companyId) heads.push(line)
  }
  const { last } = walk
  return {
    heads,
    problems,
    last: last === null ? null : { line: last.line.line, previous: last.line.previous, stored: last.line.stored, hash: last.hash },
    isLastGenuine: last !== null && signer.isGenuine(last.line),
    lastLine: walk.lastLine,
    isCut: walk.isCut,
    signaturesAt: (line) => (walk.byLine.get(line) ?? []).map(({ signature }) => signature),
    hasUnnumberedLines,
    hasForeignLines,
  }
}

/**
 * The newest genuine head of each company: the last numbered one, because a later line replaces an earlier one also where
 * a chain was cut; among lines without a number the one with the highest position.
 */
export function newestOf(heads: readonly SignedHead[], isGenuine: (head: SignedHead) => boolean): Map<string, SignedHead> {
  const byCompany = new Map<string, SignedHead[]>()
  for (const head of heads) {
    const companyHeads = byCompany.get(head.companyId)
    if (companyHeads === undefined) byCompany.set(head.companyId, [head])
    else companyHeads.push(head)
  }
  const newest = new Map<string, SignedHead>()
  for (const [companyId, lines] of byCompany) {
    // Signatures are checked from the end, because each costs 70 µs.
    const genuine = lines.toSorted((a, b) => (b.line ?? 0) - (a.line ?? 0) || b.position - a.position).find(isGenuine)
    if (genuine !== undefined) newest.set(companyId, genuine)
  }
  return newest
}
