import { open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { z } from 'zod'
import { flushFolder } from '../../platform/home/privateFile.ts'
import { BEGINNING, GENESIS, hashOf, isBefore, JOURNAL_FILE, parseJournal, placeSchema, POSITION_FILE, textOf } from './lines.ts'
import type { Journal, JournalFact, Place } from './lines.ts'

/**
 * `last`: the hash of the last line at that time, so that an end that was cut off the file is noticed. `at`: when the journal had read everything that was
 * committed. `pass`: of which database it speaks.
 */
const positionSchema = z.object({
  instance: z.uuid(),
  ...placeSchema.shape,
  last: z.string(),
  pass: z.int().nonnegative().default(0),
  at: z.string().nullable().default(null),
})

const textIn = async (file: string): Promise<string | null> =>
  await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })

/** A journal with the place up to which it has read the audit log of the database that it follows. */
export interface KnownJournal {
  readonly journal: Journal
  readonly place: Place
  /** When it had read everything up to there: its last sign of life. Null where nothing says so. */
  readonly seenAt: string | null
  /** No line was changed, or taken out of the middle or off the end. */
  readonly isWhole: boolean
}

/** The content of the file beside a journal; null where it says nothing about this instance. */
async function readPosition(home: string, instance: string): Promise<z.output<typeof positionSchema> | null> {
  const text = await textIn(path.join(home, POSITION_FILE))
  try {
    const parsed = positionSchema.safeParse(JSON.parse(text ?? ''))
    return parsed.success && parsed.data.instance === instance ? parsed.data : null
  } catch {
    // A file that a power failure left empty: the lines say how far the journal is.
    return null
  }
}

/** Reads the journal of a home; null when it has none. */
export async function readJournal(home: string): Promise<KnownJournal | null> {
  const text = await textIn(path.join(home, JOURNAL_FILE))
  const journal = text === null ? null : parseJournal(text)
  if (journal === null) return null
  const position = await readPosition(home, journal.instance)
  const isWhole = journal.isWhole && (position === null || journal.hashes.has(position.last))
  return { journal, ...reachOf(journal, position?.pass === journal.pass ? position : null), isWhole }
}

/** How far a journal has come in the database that it follows: as its position says, or its last line. */
function reachOf({ lines, pass }: Journal, position: z.output<typeof positionSchema> | null): Pick<KnownJournal, 'place' | 'seenAt'> {
  let place: Place = position === null ? BEGINNING : { txid: position.txid, seq: position.seq }
  let [seenAt, current] = [position?.at ?? null, 0]
  for (const line of lines) {
    if (line.kind === 'timeline') current = line.pass
    if (line.kind === 'begin' || line.kind === 'timeline' || current !== pass) continue
    const isAhead = isBefore(place, line)
    if (isAhead) place = { txid: line.txid, seq: line.seq }
    if (isAhead || (position?.at ?? null) === null) seenAt = line.at
  }
  return { place, seenAt }
}

/** Appends facts behind a line and syncs them to the disk. @returns the hash of the last line */
export async function appendFacts(home: string, facts: readonly JournalFact[], last: string): Promise<string> {
  let previous = last
  // A line that a crash cut off ends here.
  let text = previous === GENESIS ? '' : '\n'
  for (const fact of facts) {
    const row = textOf(fact, previous)
    previous = hashOf(row)
    text += `${row}\n`
  }
  const handle = await open(path.join(home, JOURNAL_FILE), 'a', 0o600)
  try {
    await handle.appendFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  // The file is new: its name must be on the disk, too.
  if (last === GENESIS) flushFolder(home)
  return previous
}

/** Notes how far the journal has read. */
export async function writePosition(home: string, position: z.input<typeof positionSchema>): Promise<void> {
  const file = path.join(home, POSITION_FILE)
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    await writeFile(temporary, `${JSON.stringify(position)}\n`, { mode: 0o600, flag: 'wx' })
    await rename(temporary, file)
  } finally {
    await rm(temporary, { force: true })
  }
}

/** Puts a journal that is of another instance, or damaged, aside; it is not deleted. */
export async function putAside(home: string): Promise<void> {
  const file = path.join(home, JOURNAL_FILE)
  await rename(file, path.join(home, `revocations.before-${Date.now()}.ndjson`)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
}
