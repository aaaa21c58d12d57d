import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createPrivateFile, flushFolder, replacePrivateFile } from './privateFile.ts'

function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'paperclip-private-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test('A private file is created once with mode 0600, replaced whole, and leaves nothing beside it', () => {
  const folder = temporaryFolder()
  const file = path.join(folder, 'key')
  createPrivateFile(file, 'one')
  expect(() => createPrivateFile(file, 'two')).toThrow(/EEXIST/)
  expect(readFileSync(file, 'utf8')).toBe('one')
  replacePrivateFile(file, 'three')
  expect(readFileSync(file, 'utf8')).toBe('three')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readdirSync(folder)).toEqual(['key'])
})

test('The names of a folder are flushed, and a folder that is not there is an error', () => {
  const folder = temporaryFolder()
  flushFolder(folder)
  expect(() => flushFolder(path.join(folder, 'none'))).toThrow(/ENOENT/)
})
