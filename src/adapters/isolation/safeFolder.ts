// Files in folders that an agent may write, opened so that no link which the agent has made leads elsewhere. A server that is
// root would otherwise write and read for the agent what the agent may not.
import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  lchownSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import { randomBytes } from 'node:crypto'
import type { Account } from './isolation.ts'

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants

/** A path through an open folder: the kernel resolves it from the folder itself, and not from its name. */
const inside = (folder: number, name: string): string => `/proc/self/fd/${folder}/${name}`

/** Opens the folder of a relative path step by step, and calls `use` with it and the file's name. Null where a step is missing. */
function withParent<T>(base: string, relative: string, owner: Account | null, use: (folder: number, name: string) => T): T | null {
  const steps = path.normalize(relative).split('/')
  const name = steps.pop() ?? ''
  let folder = openSync(base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  try {
    for (const step of steps) {
      if (step === '' || step === '..') return null
      if (owner !== null) makeFolder(folder, step, owner)
      const next = openSync(inside(folder, step), O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
      closeSync(folder)
      folder = next
    }
    return use(folder, name)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  } finally {
    closeSync(folder)
  }
}

function makeFolder(parent: number, name: string, owner: Account): void {
  try {
    mkdirSync(inside(parent, name), { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
    throw error
  }
  lchownSync(inside(parent, name), owner.uid, owner.gid)
}

/**
 * Writes a file below a folder of an agent, by write and rename, with mode 0600.
 * @returns whether it was written; false when the agent has put something else than folders on the way
 */
export function writeWithin(base: string, relative: string, bytes: Buffer, owner: Account): boolean {
  const isWritten = withParent(base, relative, owner, (folder, name) => {
    const temporary = inside(folder, `.${name}.${randomBytes(6).toString('hex')}`)
    const file = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
    try {
      writeSync(file, bytes)
      fchownSync(file, owner.uid, owner.gid)
    } finally {
      closeSync(file)
    }
    try {
      renameSync(temporary, inside(folder, name))
      return true
    } catch {
      rmSync(temporary, { force: true })
      return false
    }
  })
  return isWritten === true
}

/** Reads a regular file below a folder of an agent; null where there is none, or it is longer than `maxBytes`. */
export function readWithin(base: string, relative: string, maxBytes: number): Buffer | null {
  return withParent(base, relative, null, (folder, name) => {
    // Without O_NONBLOCK a pipe of that name would stop this server.
    const file = openSync(inside(folder, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    try {
      const facts = fstatSync(file)
      return facts.isFile() && facts.nlink === 1 && facts.size <= maxBytes ? readFileSync(file) : null
    } finally {
      closeSync(file)
    }
  })
}

/** Gives a folder of an agent, with everything in it, to the agent's account. Links are changed themselves and not followed. */
export function giveFolder(folder: string, owner: Account): void {
  const descriptor = openSync(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  try {
    if (fstatSync(descriptor).uid === owner.uid) return
    giveContent(descriptor, owner)
    // Last, so that a start after a crash begins again.
    fchownSync(descriptor, owner.uid, owner.gid)
  } finally {
    closeSync(descriptor)
  }
}

function giveContent(folder: number, owner: Account): void {
  for (const entry of readdirSync(inside(folder, '.'), { withFileTypes: true })) {
    if (!entry.isDirectory()) {
      lchownSync(inside(folder, entry.name), owner.uid, owner.gid)
      continue
    }
    const child = openSync(inside(folder, entry.name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    try {
      giveContent(child, owner)
      fchownSync(child, owner.uid, owner.gid)
    } finally {
      closeSync(child)
    }
  }
}
