// Folders of migrations of other builds: of one before this, and of one behind it.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

interface OtherBuild {
  /** As many of the last migrations are missing. */
  readonly without?: number
  /** Further migrations, by their names. */
  readonly added?: Readonly<Record<string, string>>
}

interface Journal {
  entries: { idx: number; version: string; when: number; tag: string; breakpoints: boolean }[]
}

/** The migrations of another build, in a folder that is removed with the test. */
export function folderOfMigrations({ without = 0, added = {} }: OtherBuild): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'paperclip-migrations-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  cpSync(fileURLToPath(new URL('../../../drizzle', import.meta.url)), folder, { recursive: true })
  const file = path.join(folder, 'meta', '_journal.json')
  const journal = JSON.parse(readFileSync(file, 'utf8')) as Journal
  journal.entries = journal.entries.slice(0, journal.entries.length - without)
  for (const [tag, text] of Object.entries(added)) {
    writeFileSync(path.join(folder, `${tag}.sql`), text)
    const last = journal.entries.at(-1)
    journal.entries.push({ idx: (last?.idx ?? 0) + 1, version: '7', when: (last?.when ?? 0) + 1, tag, breakpoints: true })
  }
  writeFileSync(file, JSON.stringify(journal))
  return folder
}
