import { readdirSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { emptyTarget, takeBackup, temporaryFolder } from '../../dev/testing/backups.ts'
import { runCommandLine } from '../../dev/testing/commandLine.ts'
import { databaseUrlOf, pollFor } from '../../dev/testing/serverProcess.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import { loadOrCreateAuthSecret, loadOrCreateSecret } from '../../platform/home/secret.ts'

const server = useServer()

test('The option --with-keys of a backup names exactly the files that it packed, and a backup that fails leaves no file of keys', async () => {
  await world(server())
  const [home, folder] = [temporaryFolder(), temporaryFolder()]
  loadOrCreateAuthSecret(home)
  loadOrCreateSecret(home)
  const [file, keys, url] = [path.join(folder, 'a.paperclip'), path.join(folder, 'a.keys'), databaseUrlOf(server().database.owner)]
  const run = () => runCommandLine(['backup', file, '--with-keys', keys, '--home', home, '--database-url', url])
  writeFileSync(file, '')
  expect((await run()).exit).toBe(1)
  expect(readdirSync(folder)).toEqual(['a.paperclip'])
  const again = path.join(folder, 'b.paperclip')
  const { exit, err } = await runCommandLine(['backup', again, '--with-keys', keys, '--home', home, '--database-url', url])
  expect(exit, err).toBe(0)
  expect(err).toContain(`${keys} has auth-secret of ${home}`)
  expect(statSync(keys).mode & 0o777).toBe(0o600)
})

test('The command restore names the file of the new keys, and refuses one that exists and a time of the loss that is none', async () => {
  const w = await world(server())
  await w.agent()
  const backup = await takeBackup(server())
  const home = temporaryFolder()
  const target = await emptyTarget()
  const restore = (...more: readonly string[]) =>
    runCommandLine(['restore', backup.file, '--home', home, '--database-url', databaseUrlOf(target.owner), ...more])
  for (const time of ['yesterday', '2026-11-28 17:53', '2999-01-01T00:00:00Z'])
    expect((await restore('--lost-at', time)).exit, time).toBe(2)
  const keys = path.join(home, 'restored-agent-keys.ndjson')
  writeFileSync(keys, '')
  const refused = await restore()
  expect([refused.exit, refused.err]).toEqual([1, expect.stringContaining(`${keys} exists`)])
  const other = path.join(home, 'other.ndjson')
  const { exit, out, err } = await restore('--agent-keys', other)
  expect(exit, err).toBe(0)
  expect(out).toContain(`issued anew into ${other}, because there is no journal of revocations in the home`)
})

test('An interrupt ends a backup with the exit code of Ctrl-C and says that nothing is left', async () => {
  await world(server())
  const folder = temporaryFolder()
  const { sql, owner } = server().database
  const lock = await sql.connect()
  await lock.query('begin; lock table issues in access exclusive mode')
  const interrupt = new AbortController()
  const running = runCommandLine(['backup', path.join(folder, 'a.paperclip'), '--database-url', databaseUrlOf(owner)], {
    signal: interrupt.signal,
  })
  await pollFor('the backup waits for the table', async () => {
    const { rows } = await sql.query(
      "select 1 from pg_stat_activity where datname = current_database() and application_name = 'paperclip-server backup' and wait_event_type = 'Lock'",
    )
    return rows.length > 0
  })
  interrupt.abort()
  const { exit, err } = await running
  lock.release(true)
  expect([exit, err]).toEqual([130, expect.stringContaining('was ended before it was complete')])
  expect(readdirSync(folder)).toEqual([])
})
