// A home as the first start of a server leaves it. That start makes a database and all its tables, which costs seconds of a processor; here one server of a
// run of tests pays for it, and the others get a copy of its home. Tests about first starts take an empty folder.

import { execFile } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { makeHome, pollFor, spawnServerProcess } from './serverProcess.ts'
import { readyHomeFolder } from './workFolder.ts'

const made = path.join(readyHomeFolder, 'home')

/** Whether this caller is the first of the run, which makes the home for all. */
function isFirst(): boolean {
  try {
    mkdirSync(readyHomeFolder, { mode: 0o755 })
    return true
  } catch {
    return false
  }
}

async function makeReadyHome(): Promise<void> {
  const home = makeHome()
  const server = spawnServerProcess({ home })
  try {
    await server.url()
  } finally {
    await server.stop()
  }
  renameSync(home, made)
}

/** Makes the home, or waits for the test that makes it. When that fails, the next one tries. */
async function ensureMade(): Promise<void> {
  while (!existsSync(made)) {
    if (isFirst()) {
      await makeReadyHome().catch((error: unknown) => {
        rmSync(readyHomeFolder, { recursive: true, force: true })
        throw error
      })
      return
    }
    await pollFor('another test has made a home', () => existsSync(made) || !existsSync(readyHomeFolder))
  }
}

/**
 * Fills the empty folder of a home with what a first start makes in it.
 * @param account the owner of the files, where the server runs under another account than the test
 * @returns the folder
 */
export async function fillHome(folder: string, account?: { readonly uid: number; readonly gid: number }): Promise<string> {
  await ensureMade()
  const run = promisify(execFile)
  // The data of a server that could not enter its home is elsewhere, and two servers cannot share it.
  const isElsewhere = lstatSync(path.join(made, 'server', 'postgres')).isSymbolicLink()
  if (!isElsewhere) await run('cp', ['-a', path.join(made, 'server'), folder])
  if (account !== undefined) await run('chown', ['-R', `${account.uid}:${account.gid}`, folder])
  return folder
}
