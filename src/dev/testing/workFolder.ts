import { statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

/** Where agents of tests work that name no folder; one per suite, for another may be run at the same time by another user. */
export const workFolder = path.join(tmpdir(), `paperclip-work-${process.pid}`)

/** The home that `readyHome.ts` copies, made when the first test of a run asks for one. */
export const readyHomeFolder = path.join(tmpdir(), `paperclip-ready-${process.pid}`)

/** The package that `assembledPackage.ts` copies, compiled when the first test of a run asks for it. */
export const packageFolder = path.join(tmpdir(), `paperclip-built-${process.pid}`)

/** The room that the Postgres of a run needs: a clone for each file that runs, and 1 GB of WAL at most. */
const ROOM_BYTES = 4 * 1024 ** 3

/**
 * Where the Postgres of a run lives: in memory, where there is room. A run makes and drops hundreds of databases of 900 files each, and a file system on a disk
 * takes a fifteenth of the processor time of all tests to find names for them.
 */
export function clusterFolder(): string {
  try {
    const { bavail, bsize } = statfsSync('/dev/shm')
    return bavail * bsize >= ROOM_BYTES ? '/dev/shm' : tmpdir()
  } catch {
    return tmpdir()
  }
}
