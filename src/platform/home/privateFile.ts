// Files of mode 0600 that a power failure leaves whole or not at all: the bytes are on the disk before the name, and the name is before the call returns.

import { randomBytes } from 'node:crypto'
import { chownSync, closeSync, fsyncSync, linkSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** The account that a file is given to. Only root can give files away. */
export interface FileOwner {
  readonly uid: number
  readonly gid: number
}

/** Errors of systems and file systems on which a folder cannot be flushed; they write names in their own order. */
const CANNOT_FLUSH = new Set(['EISDIR', 'EPERM', 'EACCES', 'EINVAL', 'ENOTSUP'])

/**
 * Waits until the names in a folder are on the disk. Without it a file whose bytes were flushed may have no name after a power failure, or its old one.
 * @throws the error of the file system, such as EIO
 */
export function flushFolder(folder: string): void {
  let descriptor: number | undefined
  try {
    descriptor = openSync(folder, 'r')
    fsyncSync(descriptor)
  } catch (error) {
    if (!CANNOT_FLUSH.has((error as NodeJS.ErrnoException).code ?? '')) throw error
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

function withTemporary(file: string, text: string, owner: FileOwner | null, give: (temporary: string) => void): void {
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    writeFileSync(temporary, text, { mode: 0o600, flag: 'wx', flush: true })
    if (owner !== null) chownSync(temporary, owner.uid, owner.gid)
    give(temporary)
  } finally {
    rmSync(temporary, { force: true })
  }
  flushFolder(path.dirname(file))
}

/**
 * Creates a file of mode 0600 that appears when it is whole. Of two calls at once one creates it.
 * @throws the error of the file system; EEXIST when there is such a file
 */
export const createPrivateFile = (file: string, text: string, owner: FileOwner | null = null): void =>
  withTemporary(file, text, owner, (temporary) => linkSync(temporary, file))

/** Puts a file of mode 0600 in the place of another, or where there is none. A reader meanwhile finds the one or the other, whole. */
export const replacePrivateFile = (file: string, text: string, owner: FileOwner | null = null): void =>
  withTemporary(file, text, owner, (temporary) => renameSync(temporary, file))
