// A home as the first start of a server leaves it. That start makes a database and all its tables, which costs seconds of a processor; here one server of a
// run of tests pays for it, and the others get a copy of its home. Tests about first starts take an empty folder.

import { execFile } from 'node:child_process'
import { lstatSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { madeOnce } from './madeOnce.ts'
import { spawnServerProcess } from './serverProcess.ts'
import { readyHomeFolder } from './workFolder.ts'

async function makeReadyHome(home: string): Promise<void> {
  const server = spawnServerProcess({ home })
  try {
    await server.url()
  } finally {
    await server.stop()
  }
}

/**
 * Fills the empty folder of a home with what a first start makes in it.
 * @param account the owner of the files, where the server runs under another account than the test
 * @returns the folder
 */
export async function fillHome(folder: string, account?: { readonly uid: number; readonly gid: number }): Promise<string> {
  const made = await madeOnce(readyHomeFolder, makeReadyHome)
  const run = promisify(execFile)
  // The data of a server that could not enter its home is elsewhere, and two servers cannot share it.
  const isElsewhere = lstatSync(path.join(made, 'server', 'postgres')).isSymbolicLink()
  if (!isElsewhere) await run('cp', ['-a', path.join(made, 'server'), folder])
  if (account !== undefined) await run('chown', ['-R', `${account.uid}:${account.gid}`, folder])
  return folder
}
