import { readFileSync } from 'node:fs'
import path from 'node:path'
import { build } from 'esbuild'
import { expect, inject, test } from 'vitest'
import { openPool } from '../platform/db/driver/client.ts'
import { startServerProcess, temporaryHome } from '../dev/testing/serverProcess.ts'

const root = path.resolve(import.meta.dirname, '../..')

const inputsOf = async (entry: string): Promise<string[]> => {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    outdir: 'out',
    write: false,
    metafile: true,
    logLevel: 'silent',
  })
  return Object.keys(metafile.inputs)
}

test('The program that starts a server has no file of the test kit', async () => {
  const inputs = await inputsOf('src/main.ts')
  expect(inputs).toContain('src/server/server.ts')
  expect(inputs.filter((file) => file.startsWith('src/testing/') || file.startsWith('src/dev/'))).toEqual([])
})

test('The part of the kit that a test process loads has no file of the server', async () => {
  const inputs = await inputsOf('src/testing/index.ts')
  expect(inputs).toContain('src/testing/testServer.ts')
  // The typed client is an export of its own, and has no file of the server either.
  const isOfKit = (file: string): boolean => file.startsWith('src/testing/') || file.startsWith('src/client/')
  expect(inputs.filter((file) => !isOfKit(file) || file.startsWith('src/testing/host/'))).toEqual([])
})

test('The start gives the server its own seams, from no variable, request or file', () => {
  for (const file of ['src/main.ts', 'src/server/start.ts']) expect(readFileSync(path.join(root, file), 'utf8')).not.toMatch(/seams/i)
  expect(readFileSync(path.join(root, 'src/server/seams.ts'), 'utf8')).not.toMatch(/process\.env|readFile|import\(/)
})

test('A variable that names a fault or a clock ends the start', async () => {
  const names = ['PAPERCLIP_TEST_CLOCK', 'PAPERCLIP_TESTING', 'PAPERCLIP_CRASH_BETWEEN']
  const server = startServerProcess({ home: temporaryHome(), env: Object.fromEntries(names.map((name) => [name, '1'])) })
  expect((await server.exited).code).toBe(1)
  for (const name of names) expect(server.stderr()).toContain(`${name}: is no variable of this server`)
})

test('A database in which the clock was planted has the real time for a login that the kit did not set up', async () => {
  const pool = openPool({ ...inject('cluster'), database: 'postgres', max: 1 })
  await pool.query('begin')
  await pool.query('create schema clock')
  await pool.query("create function clock.now() returns timestamptz language sql as $$select pg_catalog.now() + interval '1 day'$$")
  await pool.query('set local search_path to "$user", public')
  expect((await pool.query('select now() = pg_catalog.now() as real')).rows).toEqual([{ real: true }])
  await pool.query('set local search_path to public, clock, pg_catalog')
  expect((await pool.query('select now() = pg_catalog.now() as real')).rows).toEqual([{ real: false }])
  await pool.query('rollback')
  await pool.end()
})
