// The journal of revocations: a file in the home that outlives the database. Its lines name what was revoked by hashes of ids.

import { createHash } from 'node:crypto'
import { z } from 'zod'

export const JOURNAL_FILE = 'revocations.ndjson'
/** How far the journal has read the audit log, and when; replaced, because an idle server would fill a file that only grows. */
export const POSITION_FILE = 'revocations.position.json'

/** The place of an audit row, in the order of commits. */
export const placeSchema = z.object({ txid: z.string().regex(/^\d{1,20}$/), seq: z.int().nonnegative() })
export type Place = z.output<typeof placeSchema>

export const BEGINNING: Place = { txid: '0', seq: 0 }

export const isBefore = (one: Place, other: Place): boolean => {
  const [a, b] = [BigInt(one.txid), BigInt(other.txid)]
  return a < b || (a === b && one.seq < other.seq)
}

const hash = z.string().regex(/^[0-9a-f]{64}$/)

/** `released`: an agent that was in quarantine is not any more; its keys stay revoked. */
const ends = ['terminated', 'quarantined', 'released', 'deleted'] as const

const lineSchema = z.discriminatedUnion('kind', [
  // A journal of a build of before names no timeline: it is that of the first row.
  z.object({ kind: z.literal('begin'), instance: z.uuid(), timeline: z.uuid().optional(), at: z.string().optional(), previous: hash }),
  // The database is another one from here on, restored or set back: it is read again from its first row. `seen`, `seenAt`: how far the journal had come in
  // the one before, and when. Servers with one home find it at once: their lines have the same number.
  z.object({
    kind: z.literal('timeline'),
    pass: z.int().positive(),
    timeline: z.uuid(),
    seen: placeSchema,
    seenAt: z.string().nullable(),
    at: z.string(),
    previous: hash,
  }),
  z.object({ kind: z.literal('key'), id: hash, ...placeSchema.shape, at: z.string(), previous: hash }),
  z.object({ kind: z.literal('agent'), id: hash, end: z.enum(ends), ...placeSchema.shape, at: z.string(), previous: hash }),
  z.object({ kind: z.literal('company'), id: hash, ...placeSchema.shape, at: z.string(), previous: hash }),
])
export type JournalLine = z.output<typeof lineSchema>
type Unlinked<T> = T extends unknown ? Omit<T, 'previous'> : never
export type JournalFact = Unlinked<JournalLine>

export const GENESIS = '0'.repeat(64)

export const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')

/** The name by which the journal knows a key, an agent or a company. */
export const hashOfId = (kind: 'key' | 'agent' | 'company', id: string): string => hashOf(`paperclip-revocation-1 ${kind} ${id}`)

/** A line as it stands in the file, without its end. */
export const textOf = (fact: JournalFact, previous: string): string => JSON.stringify({ ...fact, previous })

/** Parses a line; null for one that a crash cut off, or foreign text. */
function parseLine(text: string): JournalLine | null {
  try {
    const parsed = lineSchema.safeParse(JSON.parse(text))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}

/** The content of a journal. */
export interface Journal {
  readonly instance: string
  /** The timeline that it follows, and the number of times that the database was another one. */
  readonly timeline: string
  readonly pass: number
  readonly lines: readonly JournalLine[]
  /** The hash of the last line, and of every line. */
  readonly last: string
  readonly hashes: ReadonlySet<string>
  /** Every line names one before it: none was taken out of the middle or changed. */
  readonly isWhole: boolean
}

/** Reads the text of a journal; null when it has no first line. Two servers with one home may have written at once, so a line may name any before it. */
export function parseJournal(text: string): Journal | null {
  const seen = new Set([GENESIS])
  const lines: JournalLine[] = []
  let [last, isWhole] = [GENESIS, true]
  for (const row of text.split('\n')) {
    const line = parseLine(row)
    if (line === null) continue
    if (!seen.has(line.previous)) isWhole = false
    last = hashOf(row)
    seen.add(last)
    lines.push(line)
  }
  const [first] = lines
  if (first?.kind !== 'begin') return null
  let [timeline, pass] = [first.timeline ?? first.instance, 0]
  for (const line of lines) if (line.kind === 'timeline' && line.pass > pass) [timeline, pass] = [line.timeline, line.pass]
  return { instance: first.instance, timeline, pass, lines, last, hashes: seen, isWhole }
}
