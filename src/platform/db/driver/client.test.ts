import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { databaseUrlOf } from '../../../dev/testing/serverProcess.ts'
import { cloneDatabase } from '../../../dev/testing/database.ts'
import type { TestDatabase } from '../../../dev/testing/database.ts'
import { openPool } from './client.ts'
import type { ConnectionOptions, Pool } from './client.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await cloneDatabase()
})
afterAll(() => database.drop())

const names = ['timezone', 'jit', 'default_transaction_read_only', 'lock_timeout', 'statement_timeout', 'work_mem'] as const

async function settingsOf(options: ConnectionOptions, readOnlyByDefault: boolean): Promise<Record<string, string>> {
  const pool: Pool = openPool(options, 'generic', { readOnlyByDefault })
  onTestFinished(() => pool.end())
  const { rows } = await pool.query<{ name: string; setting: string }>(
    'select name, current_setting(name) as setting from pg_settings where lower(name) = any($1)',
    [names],
  )
  return Object.fromEntries(rows.map(({ name, setting }) => [name.toLowerCase(), setting]))
}

const ours = { timezone: 'UTC', jit: 'off', default_transaction_read_only: 'on', lock_timeout: '4s', statement_timeout: '15s' }

test('Every connection has the settings of this server and limits on its waits', async () => {
  expect(await settingsOf(database.connection, true)).toMatchObject(ours)
})

test('Only a read-only pool refuses writes outside a transaction', async () => {
  expect(await settingsOf(database.connection, false)).toMatchObject({ ...ours, default_transaction_read_only: 'off' })
})

test('Settings in a database URL are kept and do not replace those of this server', async () => {
  const own = encodeURIComponent('-c work_mem=7MB -c timezone=Asia/Tokyo')
  const connectionString = `${databaseUrlOf(database.connection)}&options=${own}`
  expect(await settingsOf({ connectionString }, true)).toMatchObject({ ...ours, work_mem: '7MB' })
})
