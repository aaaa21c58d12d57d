import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, inject, test } from 'vitest'
import { openPool } from '../../platform/db/driver/client.ts'
import { useServer, world } from './world.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const server = useServer()

/** Ways to ask Postgres for the time that the clock of the tests does not hide. */
const uncovered =
  /\b(?:current_timestamp|current_time|current_date|localtimestamp|localtime|(?:statement|transaction)_timestamp|timeofday|pg_catalog\.(?:now|clock_timestamp))\b|'(?:now|today|tomorrow|yesterday)'::/i
/** The time of the process. Times that are stored, or compared with stored ones, are those of the database. */
const ofProcess = /\bDate\.now\(\)|\bnew Date\(\)/

/** Files that need the time of the process, and for what. */
const exempt: Readonly<Record<string, string>> = {
  'src/auth/runTokens.ts': 'a token carries the time of the process that signs it',
  'src/server/rotateRunKeys.ts': 'the time from which a key signs is compared with that of the process that signs',
  'src/platform/embedded/partial.ts': 'it is compared with the time of a file',
  'src/org/people/adapter.ts': 'it takes the time of better-auth away: only the distance is stored',
  'src/adapters/isolation/agentHome.ts': 'it is compared with the time of a file',
  'src/adapters/isolation/folders.ts': 'it is compared with the time of a file',
  'src/adapters/isolation/runFiles.ts': 'it is compared with the time of a file',
  'src/adapters/cappedDelivery.ts': 'a line of a log has the time at which it was read',
  'src/observe/instance/securityText.ts': 'the text expires by the calendar of its readers',
  'src/org/agents/environment.ts': 'an answer says when it was made, and nothing is stored',
  'src/backup/journal/file.ts': 'the name of a file says when it was put aside',
  'src/backup/abandoned.ts': 'it is compared with the time of a file',
  'src/backup/complete.ts': 'a loss whose time the operator does not name is now, by the clock of the host that wrote the journal',
  'src/backup/journal/task.ts': 'the journal says by the clock of its host what it has seen',
  'src/adapters/worktrees/folder.ts': 'it is compared with the time of a file',
  'src/doctor/hostChecks.ts': 'it is compared with the time of a file',
  'src/server/upgradeBackup.ts': 'the name of a file says when it was made',
  'src/observe/support/archive.ts': 'files of an archive have the time at which they were written',
  'src/platform/kernel/trace.ts': 'a span has the time of the process that made it',
  'src/control/portability/manifest.ts': 'a package says when it was written',
}

const readTracked = (file: string): string => readFileSync(path.join(root, file), 'utf8')

/** The lines of a file of the program that ask for a time which no test can move. */
function offences(file: string, text: string): string[] {
  const lines = text.split('\n').map((line) => line.replace(/(?:^|\s)(?:\/\/|\*|--) .*$/, ''))
  const isOffence = (line: string): boolean => uncovered.test(line) || (ofProcess.test(line) && exempt[file] === undefined)
  return lines.flatMap((line, index) => (isOffence(line) ? [`${file}:${index + 1}`] : []))
}

// The console runs in the browser of a person, whose time it shows.
test('The program asks for the time only where the clock of the tests answers, or where the list says why not', () => {
  const files = execFileSync('git', ['ls-files', 'src', 'drizzle'], { cwd: root, encoding: 'utf8' }).split('\n')
  const program = files.filter(
    (file) => /\.(?:ts|sql)$/.test(file) && !/\.test\.ts$|^src\/dev\/|^src\/console\/|^src\/testing\/host\/clock\.ts$/.test(file),
  )
  expect(program.length).toBeGreaterThan(300)
  expect(program.flatMap((file) => offences(file, readTracked(file)))).toEqual([])
  for (const file of Object.keys(exempt)) expect(readTracked(file), file).toMatch(ofProcess)
})

/** A measured time that is compared with a number: on a busy machine it fails. `onThisMachine(…)` makes a limit of it. */
const bareLimit = /\b(?:performance\.now\(\) - .*|ms|[a-z]\w*\.ms|elapsedMs|.*=> ms\)\))\)\.toBeLessThan(?:OrEqual)?\((?!onThisMachine)/

test('No test compares a measured time with a limit that a busy machine does not lengthen (K49)', () => {
  const tests = execFileSync('git', ['ls-files', 'src'], { cwd: root, encoding: 'utf8' })
    .split('\n')
    .filter((file) => file.endsWith('.test.ts') && file !== 'src/dev/testing/clock.test.ts')
  expect(tests.length).toBeGreaterThan(150)
  const bare = tests.flatMap((file) =>
    readTracked(file)
      .split('\n')
      .flatMap((line, index) => (bareLimit.test(line) ? [`${file}:${index + 1}`] : [])),
  )
  expect(bare).toEqual([])
  expect('expect(performance.now() - startedAt).toBeLessThan(1000)').toMatch(bareLimit)
  expect('expect(refused.ms).toBeLessThan(50)').toMatch(bareLimit)
})

test('The check finds planted offences', () => {
  const planted = [
    'default CURRENT_TIMESTAMP',
    "where at < 'now'::timestamptz",
    'select statement_timestamp()',
    'pg_catalog.now()',
    'Date.now()',
  ]
  for (const line of planted) expect(offences('src/engine/a.ts', line), line).toHaveLength(1)
  expect(offences('src/engine/a.ts', "select now() -- current_timestamp\n// new Date()\nconst local = 'now'")).toEqual([])
})

test('Defaults of columns, statements and answers follow the clock', async () => {
  const here = await world(server())
  const createdAt = async (id: string): Promise<number> => Date.parse((await server().board.get(`/api/issues/${id}`)).body.createdAt)
  const before = await here.issue()
  await server().database.passTime('3 days')
  const after = await here.issue()
  expect((await createdAt(after.id)) - (await createdAt(before.id))).toBeGreaterThan(3 * 24 * 3600 * 1000)
  const { rows } = await server().database.sql.query<{ ahead: boolean }>(
    `select now() - pg_catalog.now() = interval '3 days' and clock_timestamp() > pg_catalog.clock_timestamp() + interval '2 days' as ahead`,
  )
  expect(rows).toEqual([{ ahead: true }])
})

test('The login of a server cannot move the clock, and a database without the schema has the real time', async () => {
  const application = server().database.open()
  await expect(application.query("update clock.shift set added = '1 day'")).rejects.toMatchObject({ code: '25006' })
  await expect(application.query("begin read write; update clock.shift set added = '1 day'")).rejects.toMatchObject({ code: '42501' })
  await application.end()
  const other = openPool({ ...inject('cluster'), database: 'postgres', max: 1 })
  expect((await other.query('select now() = pg_catalog.now() as real')).rows).toEqual([{ real: true }])
  await other.end()
})
