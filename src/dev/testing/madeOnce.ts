// A folder that costs much to make, and that many files of tests copy: the first test of a run that asks for it makes it, and the others wait.

import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { pollFor } from './serverProcess.ts'

/** Whether this caller is the first of the run, which makes the folder for all. */
function isFirst(folder: string): boolean {
  try {
    mkdirSync(folder, { mode: 0o755 })
    return true
  } catch {
    return false
  }
}

/**
 * Makes a folder, or waits for the test that makes it. When that fails, the next one tries.
 * @param folder of the run, which holds nothing else and is removed with it
 * @param make fills a new folder
 * @returns the folder that was filled
 */
export async function madeOnce(folder: string, make: (place: string) => Promise<void>): Promise<string> {
  const made = path.join(folder, 'made')
  while (!existsSync(made)) {
    if (isFirst(folder)) {
      try {
        const place = path.join(folder, 'making')
        mkdirSync(place, { mode: 0o755 })
        await make(place)
        renameSync(place, made)
      } catch (error) {
        rmSync(folder, { recursive: true, force: true })
        throw error
      }
    } else await pollFor('another test has made the folder', () => existsSync(made) || !existsSync(folder))
  }
  return made
}
