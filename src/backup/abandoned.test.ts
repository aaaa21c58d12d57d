import { mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../dev/testing/backups.ts'
import { partialOf, removeAbandoned } from './abandoned.ts'

const LONG_AGO = new Date(Date.now() - 2 * 3_600_000)

/** A leftover of a physical backup whose files were written to at a time. */
function leftFolder(folder: string, name: string, at: Date): string {
  const left = partialOf(path.join(folder, name))
  mkdirSync(left, { mode: 0o700 })
  writeFileSync(path.join(left, 'base.tar'), 'the files of a cluster')
  utimesSync(path.join(left, 'base.tar'), at, at)
  utimesSync(left, LONG_AGO, LONG_AGO)
  return path.basename(left)
}

test('A copy of a cluster or a file that a killed backup left is removed, and what is still written or belongs to no backup stays', async () => {
  const folder = temporaryFolder()
  leftFolder(folder, 'base-monday', LONG_AGO)
  const file = partialOf(path.join(folder, 'a.paperclip'))
  writeFileSync(file, '')
  utimesSync(file, LONG_AGO, LONG_AGO)
  // The folder itself is old; a file in it grows.
  const inProgress = leftFolder(folder, 'base-tuesday', new Date())
  mkdirSync(path.join(folder, 'base-sunday'))
  const elsewhere = temporaryFolder()
  writeFileSync(path.join(elsewhere, 'kept'), '')
  const link = partialOf(path.join(folder, 'link'))
  symlinkSync(elsewhere, link)
  await removeAbandoned(folder)
  expect(readdirSync(folder).toSorted()).toEqual([inProgress, path.basename(link), 'base-sunday'].toSorted())
  expect(readdirSync(elsewhere)).toEqual(['kept'])
})
