import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parseSync } from 'oxc-parser'
import { expect, test } from 'vitest'
import { findAll, rootName } from '../docs/syntax.ts'

// `npm test` runs what works inside of the process of the tests, and `npm run test:processes` what starts a server, a Postgres, the package or a browser
// as a process of its own. The name of a file says which of both it is. Files about programs that the server starts (git, bubblewrap) may be either.

const sources = path.resolve(import.meta.dirname, '../..')
const files = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.test.ts') && !file.startsWith('dev/console/'),
)

/** Functions that start such a process. */
const STARTERS: ReadonlySet<string> = new Set([
  'startServerProcess',
  'spawnServerProcess',
  'fillHome',
  'useBrowser',
  'openVisitor',
  'launchBrowser',
  'startPackaged',
  'assemblePackage',
  'startEmbedded',
  'startDatabase',
  'startWith',
  'spawnOwner',
  'setStage',
  'startTlsPostgres',
  'createTestServer',
  'compiled',
])
/** Functions that start any program: a file may be named for its processes when it calls one of these. */
const PROGRAMS: ReadonlySet<string> = new Set([
  ...STARTERS,
  'spawn',
  'spawnSync',
  'execFileSync',
  'promisify',
  'isolatedServer',
  'runScript',
])

const callsOneOf = (text: string, names: ReadonlySet<string>): boolean =>
  findAll(parseSync('test.ts', text).program, ({ type }) => type === 'CallExpression').some((call) =>
    names.has(rootName(call['callee']) ?? ''),
  )

const isNamedForProcesses = (file: string): boolean => /\.(?:process|browser)\.test\.ts$/.test(file)
const read = (file: string): string => readFileSync(path.join(sources, file), 'utf8')

test('Every file of tests that starts a server, a Postgres, the package or a browser is named for it', () => {
  expect(files.filter((file) => !isNamedForProcesses(file) && callsOneOf(read(file), STARTERS))).toEqual([])
})

test('Every file of tests that is named for processes starts one', () => {
  expect(files.filter((file) => isNamedForProcesses(file) && !callsOneOf(read(file), PROGRAMS))).toEqual([])
})

test('The check finds a planted start of a server, and passes a word of it', () => {
  expect(callsOneOf('const server = startServerProcess({ home })', STARTERS)).toBe(true)
  expect(callsOneOf('const home = await fillHome(temporaryHome())', STARTERS)).toBe(true)
  expect(callsOneOf("import { startServerProcess } from './serverProcess.ts'", STARTERS)).toBe(false)
})
