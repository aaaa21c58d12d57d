import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { databaseUrlOf } from './database.ts'
import type { Io } from './io.ts'
import { EXIT, problemOf } from './problem.ts'

const OWN = 'postgres://app@db.example/paperclip'
const OWNER = 'postgres://owner@db.example/paperclip'

/** The URL that a command takes on a home with such a file of settings. */
async function urlFor({ settings = {}, env = {}, option }: { settings?: object | string; env?: Record<string, string>; option?: string }) {
  const home = realpathSync(mkdtempSync(path.join(tmpdir(), 'paperclip-database-')))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  writeFileSync(path.join(home, 'url'), `${OWNER}\n`, { mode: 0o600 })
  const text = typeof settings === 'string' ? settings : JSON.stringify(settings).replaceAll('HOME', home)
  writeFileSync(path.join(home, 'config.json'), text, { mode: 0o600 })
  const given = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.replace('HOME', home)]))
  return await databaseUrlOf({ env: given, home } as Io, option, ['DATABASE_OWNER_URL', 'DATABASE_URL'])
}

test('A command opens the database that a start of the server on its home would, wherever the setting stands', async () => {
  expect(await urlFor({})).toBeNull()
  expect(await urlFor({ settings: { DATABASE_URL: OWN } })).toBe(OWN)
  expect(await urlFor({ settings: { DATABASE_URL: OWN, DATABASE_OWNER_URL_FILE: 'HOME/url' } })).toBe(OWNER)
  expect(await urlFor({ env: { DATABASE_URL_FILE: 'HOME/url' } })).toBe(OWNER)
  expect(await urlFor({ settings: { DATABASE_URL: OWN }, env: { DATABASE_URL: OWNER } })).toBe(OWNER)
  expect(await urlFor({ settings: { DATABASE_URL: OWN }, option: OWNER })).toBe(OWNER)
})

test('A file of settings that cannot be read ends the command, which would otherwise open another database', async () => {
  for (const wrong of [{ settings: '{' }, { settings: { DATABASE_URLS: OWN } }, { env: { DATABASE_URL_FILE: '/no/such/file' } }]) {
    const error: unknown = await urlFor(wrong).catch((thrown: unknown) => thrown)
    expect(problemOf(error)?.exit, JSON.stringify(wrong)).toBe(EXIT.bad)
  }
  const elsewhere: unknown = await urlFor({ settings: { DATABASE_URL: 'https://db.example' } }).catch((thrown: unknown) => thrown)
  expect(problemOf(elsewhere)?.exit).toBe(EXIT.usage)
  expect(await urlFor({ settings: '{', option: OWN })).toBe(OWN)
})
