// The home of an agent: seeded from the operator's settings and sign-in, which the tools expect there. The operator's own
// folder is not shared: an agent could write a hook or a server into the settings that the operator's next session executes.
import { createHash } from 'node:crypto'
import {
  chownSync,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { Account, ToolNeeds } from './isolation.ts'
import { readWithin, writeWithin } from './safeFolder.ts'
import { isOfSameAccount } from './sameAccount.ts'

/** A sign-in is a few tokens. */
const MAX_SIGN_IN_BYTES = 256 * 1024
/** Settings of tools are texts; a folder with more is not settings, and the operator may allow it by its path. */
const MAX_SETTINGS_FILES = 2000
const MAX_SETTINGS_BYTES = 8 * 1024 * 1024
const LOCK_TRIES = 40
const LOCK_WAIT_MS = 50
/** A server that crashed between two renames leaves its lock. */
const STALE_LOCK_MS = 10_000

/** The last copies: sign-ins by the hash of their content, settings by time and size of the operator's file. */
const recordSchema = z.object({ signIn: z.record(z.string(), z.string()), settings: z.record(z.string(), z.string()) })
type SeedRecord = z.output<typeof recordSchema>

/** The homes that belong together. */
export interface Homes {
  readonly operator: string
  readonly agent: string
  /** Where this server remembers what it copied; the agent cannot write it. */
  readonly record: string
  readonly owner: Account
  /** Whether a link that an agent could have made leads a path elsewhere: the operator may have given a part of the home to agents. */
  readonly leadsAstray: (file: string) => boolean
  /** Whether a file that was opened by a path lies out of the folder of agents that the path goes into: a live run exchanged it meanwhile. */
  readonly leadsOut: (file: string, opened: string) => boolean
}

const hashOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

function readRecord(file: string): SeedRecord {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return { signIn: {}, settings: {} }
  }
}

function readOperatorFile(file: string, maxBytes: number, { leadsOut }: Pick<Homes, 'leadsOut'>): Buffer | null {
  let descriptor: number | null = null
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
    if (leadsOut(file, readlinkSync(`/proc/self/fd/${descriptor}`))) return null
    const facts = fstatSync(descriptor)
    return facts.isFile() && facts.size <= maxBytes ? readFileSync(descriptor) : null
  } catch {
    return null
  } finally {
    if (descriptor !== null) closeSync(descriptor)
  }
}

/** The files of an entry: itself, or everything below it when it ends with a slash. Relative to the home. */
function filesOf(home: string, entry: string, found: string[] = []): string[] {
  if (!entry.endsWith('/')) return [...found, entry]
  let names: readonly string[] = []
  try {
    names = readdirSync(path.join(home, entry), { withFileTypes: true }).map((each) => (each.isDirectory() ? `${each.name}/` : each.name))
  } catch {
    // The operator does not use this part of the tool.
  }
  for (const name of names) {
    if (found.length >= MAX_SETTINGS_FILES) break
    found = filesOf(home, `${entry}${name}`, found)
  }
  return found
}

/** Copies what has changed at the operator's side into the agent's home. */
export function seedHome(homes: Homes, needs: ToolNeeds): void {
  const record = readRecord(homes.record)
  const before = JSON.stringify(record)
  for (const file of needs.signIn) {
    const source = path.join(homes.operator, file)
    const bytes = homes.leadsAstray(source) ? null : readOperatorFile(source, MAX_SIGN_IN_BYTES, homes)
    if (bytes === null || record.signIn[file] === hashOf(bytes)) continue
    if (writeWithin(homes.agent, file, bytes, homes.owner)) record.signIn[file] = hashOf(bytes)
  }
  for (const file of needs.settings.flatMap((entry) => filesOf(homes.operator, entry))) {
    const source = path.join(homes.operator, file)
    const facts = statSync(source, { throwIfNoEntry: false })
    if (facts === undefined || homes.leadsAstray(source) || record.settings[file] === `${facts.mtimeMs}:${facts.size}`) continue
    const bytes = readOperatorFile(source, MAX_SETTINGS_BYTES, homes)
    if (bytes !== null && writeWithin(homes.agent, file, bytes, homes.owner)) record.settings[file] = `${facts.mtimeMs}:${facts.size}`
  }
  // Most runs find everything copied. A file that is written over anew may wait for the disk, and the run with it.
  const after = JSON.stringify(record)
  if (after !== before) writeFileSync(homes.record, after, { mode: 0o600 })
}

/** The sign-ins that an agent's tool has changed, by their files relative to the home. */
export interface Collected {
  readonly written: readonly string[]
  /** Those that are of another account than the operator's, or have another form. They stay with the agent. */
  readonly foreign: readonly string[]
}

/**
 * Copies sign-ins that the agent's tool has refreshed back to the operator, by write and rename and under a lock, so that
 * tokens which are valid once do not lock out everybody else. When the operator's file has changed as well, it stays. So does it when
 * the new one is not of the same account: the operator's next session would work for an account that the agent chose.
 */
export async function collectSignIn(homes: Homes, needs: ToolNeeds): Promise<Collected> {
  const collected = { written: [] as string[], foreign: [] as string[] }
  for (const file of needs.signIn) {
    const bytes = readWithin(homes.agent, file, MAX_SIGN_IN_BYTES)
    const record = readRecord(homes.record)
    const seeded = record.signIn[file]
    if (bytes === null || seeded === undefined || hashOf(bytes) === seeded) continue
    const target = path.join(homes.operator, file)
    const outcome = homes.leadsAstray(target) ? 'kept' : await replaceUnderLock(target, { expectedHash: seeded, bytes, homes })
    if (outcome === 'foreign') collected.foreign.push(file)
    if (outcome !== 'written') continue
    record.signIn[file] = hashOf(bytes)
    writeFileSync(homes.record, JSON.stringify(record), { mode: 0o600 })
    collected.written.push(file)
  }
  return collected
}

interface Replacement {
  readonly expectedHash: string
  readonly bytes: Buffer
  readonly homes: Pick<Homes, 'leadsOut'>
}

async function replaceUnderLock(file: string, { expectedHash, bytes, homes }: Replacement): Promise<'written' | 'foreign' | 'kept'> {
  let real: string
  try {
    real = realpathSync(file)
  } catch {
    return 'kept'
  }
  const lock = `${real}.paperclip-lock`
  if (!(await takeLock(lock))) return 'kept'
  try {
    const current = readOperatorFile(real, MAX_SIGN_IN_BYTES, homes)
    if (current === null || hashOf(current) !== expectedHash) return 'kept'
    if (!isOfSameAccount(current.toString(), bytes.toString())) return 'foreign'
    const { uid, gid, mode } = statSync(real)
    const temporary = `${real}.${process.pid}.paperclip`
    writeFileSync(temporary, bytes, { mode: mode & 0o777, flush: true })
    if (process.getuid?.() === 0) chownSync(temporary, uid, gid)
    renameSync(temporary, real)
    return 'written'
  } finally {
    rmSync(lock, { force: true })
  }
}

async function takeLock(lock: string): Promise<boolean> {
  for (let attempt = 0; attempt < LOCK_TRIES; attempt++) {
    try {
      closeSync(openSync(lock, 'wx', 0o600))
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false
      const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? 0)
      if (age > STALE_LOCK_MS) rmSync(lock, { force: true })
      else await sleep(LOCK_WAIT_MS)
    }
  }
  return false
}
