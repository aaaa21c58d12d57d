// Where the processes of a test run find their host: files in a folder that belongs to their account.

import { closeSync, lstatSync, mkdirSync, openSync, readFileSync, statSync, unlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Pointer } from '../protocol.ts'

/** A start takes a few seconds, on a busy machine ten times as long. A lock that is older belongs to no start. */
const STALE_LOCK_MS = 120_000
/** Bits of a folder by which another account could put files into it. */
const WRITABLE_BY_OTHERS = 0o022

/** The files by which the processes of one tree meet. */
export interface MeetingPlace {
  /** The folder of all hosts of this account. */
  readonly folder: string
  /** The file that leads to the host of the tree. */
  readonly pointer: string
  /** The process whose children the test processes are. The host ends with it. */
  readonly treePid: number
}

const uid = process.getuid?.() ?? 0

/**
 * The meeting place of the children of this process's parent: of the files of one `vitest` or `node --test`.
 * @throws Error when another account could write there
 */
export function meetingPlace(version: string): MeetingPlace {
  const folder = path.join(tmpdir(), `paperclip-testing-${uid}`)
  try {
    // Postgres, which under root has an account of its own, passes through.
    mkdirSync(folder, { mode: uid === 0 ? 0o711 : 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const found = lstatSync(folder)
  if (!found.isDirectory() || found.uid !== uid || (found.mode & WRITABLE_BY_OTHERS) !== 0)
    throw new Error(`${folder} belongs to another account, or others may write there: remove it, or set TMPDIR to a folder of your own`)
  return { folder, pointer: path.join(folder, `${process.ppid}-${version}`), treePid: process.ppid }
}

/** Where the host of the tree listens; null as long as there is none. It may have ended. */
export function readPointer({ pointer }: MeetingPlace): Pointer | null {
  try {
    return JSON.parse(readFileSync(pointer, 'utf8')) as Pointer
  } catch {
    return null
  }
}

function isStale(lock: string): boolean {
  try {
    const holder = Number(readFileSync(lock, 'utf8'))
    const ageMs = performance.timeOrigin + performance.now() - statSync(lock).mtimeMs
    if (ageMs > STALE_LOCK_MS) return true
    // The number is written after the file is made.
    if (!Number.isInteger(holder) || holder <= 0) return false
    process.kill(holder, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

function remove(file: string): void {
  try {
    unlinkSync(file)
  } catch {}
}

/**
 * Takes the right to start the host, so that a hundred processes that begin at once start one. Two of them may start one each when a third
 * was killed in the middle of it: then the tree has two hosts, which costs memory and nothing else.
 * @returns what gives it back; null when another process has it
 */
export function takeStartLock({ pointer }: MeetingPlace): (() => void) | null {
  const lock = `${pointer}.lock`
  try {
    const file = openSync(lock, 'wx', 0o600)
    writeSync(file, String(process.pid))
    closeSync(file)
    return () => remove(lock)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && isStale(lock)) remove(lock)
    // The last host of this account may just have removed the folder.
    if (code !== 'EEXIST' && code !== 'ENOENT') throw error
    return null
  }
}
