import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import path from 'node:path'
import type { Pool } from '../../platform/db/driver/client.ts'
import { withTimeout } from '../../platform/kernel/timeout.ts'
import type { SupportFile } from './archive.ts'
import { coverAll } from './coverAll.ts'
import type { KnownTexts } from './coverAll.ts'
import { readDatabaseFacts } from './databaseFacts.ts'
import { readHomeFacts, readMachineFacts } from './hostFacts.ts'
import { cleanLogLine, cleanNewest, cleanPostgresLine } from './logLines.ts'

/** Where the parts of a bundle come from. */
export interface SupportSources {
  readonly version: string
  readonly home: string
  /** Each setting with its value and its source; secrets are covered already. */
  readonly settings: unknown
  readonly known: KnownTexts
  /** The newest part of the log; null where it is not known where the log goes. */
  readonly readLog: (() => Promise<string>) | null
  /** The answers of the running server. */
  readonly askServer: (path: string) => Promise<string>
  /** Gives a pool of the database for a while. */
  readonly onDatabase: <T>(work: (pool: Pool) => Promise<T>) => Promise<T>
  /** Looks for faults; null where nothing does. */
  readonly diagnose: (() => Promise<unknown>) | null
}

/** The files of a bundle, and the parts that could not be had, each with the reason as a code. */
export interface CollectedSupport {
  readonly files: readonly SupportFile[]
  readonly missing: Readonly<Record<string, string>>
}

/** A part that takes longer is left out: a bundle is wanted most where something hangs. */
const PART_MS = 20_000
/** Lines of each log: a day of a small server. */
const LOG_LINES = 20_000
/** Bytes of a log that are looked at. */
const LOG_BYTES = 8 * 1024 * 1024

const README = `This bundle describes a paperclip-server for those who help its operator. Its parts:

  machine.json     the machine: system, processors, memory, open files
  settings.json    each setting, its value and where it comes from; a secret is (secret)
  home.json        what stands in the home: names, modes, sizes; no content
  health.json      what the running server says about its health
  metrics.txt      its metrics
  database.json    version, settings, sizes and state of the database, and its migrations; no row of a table
  doctor.json      the findings of the doctor
  log.ndjson       the newest lines of the log: what this program says by itself; messages of errors are left out
  postgres.log     the newest lines of the embedded Postgres about itself; statements and what they quote are left out
  missing.json     the parts that could not be had, and why

It has no text of an issue, a comment, a document or a run, no name or e-mail address of a person, and no key. Known secrets, the name of the account
and the name of the machine were covered in every file. Look through it before you send it: tar -xzf FILE.
`

/** The end of a file, from the beginning of a line. */
export function readTail(file: string, most = LOG_BYTES): string {
  const descriptor = openSync(file, 'r')
  try {
    const { size } = fstatSync(descriptor)
    const begin = Math.max(0, size - most)
    const bytes = Buffer.alloc(Math.min(size, most))
    const count = readSync(descriptor, bytes, 0, bytes.length, begin)
    const text = bytes.toString('utf8', 0, count)
    return begin === 0 ? text : text.slice(text.indexOf('\n') + 1)
  } finally {
    closeSync(descriptor)
  }
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

function cleaned(text: string, clean: (line: string) => string | null): string {
  const { lines, leftOut } = cleanNewest(text, LOG_LINES, clean)
  return `${lines.join('\n')}\n${leftOut === 0 ? '' : `(${leftOut} lines left out)\n`}`
}

const health = async ({ askServer }: SupportSources): Promise<string> =>
  json({ health: JSON.parse(await askServer('/api/health')) as unknown, ready: JSON.parse(await askServer('/readyz')) as unknown })

/** The parts by the names of their files. */
function partsOf(sources: SupportSources): Readonly<Record<string, () => Promise<string>>> {
  const { version, home, settings, readLog, askServer, onDatabase, diagnose } = sources
  return {
    'machine.json': () => Promise.resolve(json({ version, ...readMachineFacts() })),
    'settings.json': () => Promise.resolve(json(settings)),
    'home.json': () => Promise.resolve(json(readHomeFacts(home))),
    'health.json': () => health(sources),
    'metrics.txt': () => askServer('/metrics'),
    'database.json': async () => json(await onDatabase(readDatabaseFacts)),
    ...(diagnose === null ? {} : { 'doctor.json': async () => json(await diagnose()) }),
    ...(readLog === null ? {} : { 'log.ndjson': async () => cleaned(await readLog(), cleanLogLine) }),
    'postgres.log': () => Promise.resolve(cleaned(readTail(path.join(home, 'postgres.log')), cleanPostgresLine)),
  }
}

const reasonOf = (error: unknown): string => {
  const { code } = error as { readonly code?: unknown }
  return typeof code === 'string' || typeof code === 'number' ? String(code) : error instanceof Error ? error.name : 'unknown'
}

const tooSlow = (): never => {
  throw Object.assign(new Error('the part took too long'), { code: 'timeout' })
}

/** Collects what can be had. A part that fails is missing and ends nothing: the bundle of a broken server is the one that matters. */
export async function collectSupport(sources: SupportSources): Promise<CollectedSupport> {
  const cover = coverAll(sources.known)
  const missing: Record<string, string> = {}
  const files: SupportFile[] = [{ name: 'README.txt', text: README }]
  for (const [name, read] of Object.entries(partsOf(sources))) {
    try {
      const text = await withTimeout(read(), PART_MS, tooSlow)
      files.push({ name, text: cover(text) })
    } catch (error) {
      missing[name] = reasonOf(error)
    }
  }
  if (sources.readLog === null) missing['log.ndjson'] = 'the log goes to standard output: give it with --log'
  files.push({ name: 'missing.json', text: json(missing) })
  return { files, missing }
}
