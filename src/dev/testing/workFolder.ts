import { statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

/** Where agents of tests work that name no folder; one per suite, for another may be run at the same time by another user. */
export const workFolder = path.join(tmpdir(), `paperclip-work-${process.pid}`)

/** The home that `readyHome.ts` copies, made when the first test of a run asks for one. */
export const readyHomeFolder = path.join(tmpdir(), `paperclip-ready-${process.pid}`)

/** The package that `assembledPackage.ts` copies, compiled when the first test of a run asks for it. */
export const packageFolder = path.join(tmpdir(), `paperclip-built-${process.pid}`)

/** The room that a run needs in memory: for its Postgres a clone for each file that runs and 1 GB of WAL at most, and for homes and packages. */
const ROOM_BYTES = 4 * 1024 ** 3

/**
 * Where a run puts its Postgres and what else has many files: homes of servers and packages. It is in memory, where there is room. A run makes and drops hundreds
 * of databases of 900 files each, and a file system on a disk takes a fifteenth of the processor time of all tests to find names for them.
 */
export function memoryFolder(): string {
  try {
    const { bavail, bsize } = statfsSync('/dev/shm')
    return bavail * bsize >= ROOM_BYTES ? '/dev/shm' : tmpdir()
  } catch {
    return tmpdir()
  }
}
