import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

// A lint that sees nothing reports no violations. So wrong code is planted in a tree of its own, under the real
// configuration, and has to be found.

const root = fileURLToPath(new URL('../..', import.meta.url))
let tree: string

beforeAll(() => {
  tree = mkdtempSync(path.join(tmpdir(), 'paperclip-lint-'))
  for (const file of ['.oxlintrc.json', 'tsconfig.json', 'package.json', '.knip.json'])
    copyFileSync(path.join(root, file), path.join(tree, file))
  symlinkSync(path.join(root, 'node_modules'), path.join(tree, 'node_modules'))
})
afterAll(() => rmSync(tree, { recursive: true, force: true }))

function plant(files: Readonly<Record<string, string>>): void {
  rmSync(path.join(tree, 'src'), { recursive: true, force: true })
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(tree, file)), { recursive: true })
    writeFileSync(path.join(tree, file), text)
  }
}

interface Finding {
  readonly file: string
  readonly rule: string
}

/** What the lint finds in the planted tree. */
function lint(...flags: string[]): Finding[] {
  const run = spawnSync(path.join(root, 'node_modules/.bin/oxlint'), ['--deny-warnings', '-f', 'json', ...flags, 'src'], {
    cwd: tree,
    encoding: 'utf8',
  })
  const { diagnostics } = JSON.parse(run.stdout) as { diagnostics: { code: string; filename: string }[] }
  expect(run.status, run.stderr).toBe(diagnostics.length === 0 ? 0 : 1)
  return diagnostics.map(({ code, filename }) => ({ file: filename, rule: /\(([^)]+)\)/.exec(code)?.[1] ?? code }))
}

const importing = (from: string): string => `import { thing } from '${from}'\nexport const kept = thing\n`

const forbidden: readonly [file: string, from: string][] = [
  ['src/kernel/a.ts', '../db/client.ts'],
  ['src/kernel/a.ts', '../issues/status.ts'],
  ['src/db/a.ts', '../access/identify.ts'],
  ['src/db/a.ts', '../issues/index.ts'],
  ['src/db/schema/a.ts', '../../issues/views.ts'],
  ['src/db/schema/a.ts', '../../http/route.ts'],
  ['src/access/a.ts', '../http/route.ts'],
  ['src/access/a.ts', '../agents/index.ts'],
  ['src/http/a.ts', '../agents/index.ts'],
  ['src/runs/a.ts', '../wakes/index.ts'],
  ['src/companies/a.ts', '../agents/index.ts'],
  ['src/agents/a.ts', '../issues/index.ts'],
  ['src/goals/a.ts', '../projects/index.ts'],
  ['src/labels/a.ts', '../goals/index.ts'],
  ['src/wakes/a.ts', '../holds/index.ts'],
  ['src/holds/a.ts', '../issues/index.ts'],
  ['src/holds/a.ts', '../agents/lock.ts'],
  ['src/issues/a.ts', '../execution/index.ts'],
  ['src/issues/a.ts', '../holds/gate.ts'],
  ['src/documents/a.ts', '../interactions/index.ts'],
  ['src/workProducts/a.ts', '../feedback/index.ts'],
  ['src/feedback/a.ts', '../interactions/index.ts'],
  ['src/execution/a.ts', '../approvals/index.ts'],
  ['src/execution/a.ts', '../runs/views.ts'],
  ['src/approvals/a.ts', '../activity/index.ts'],
  ['src/activity/a.ts', '../scheduler/loop.ts'],
  ['src/scheduler/a.ts', '../server.ts'],
  ['src/issues/a.ts', '../realtime/index.ts'],
  ['src/realtime/a.ts', '../metrics/index.ts'],
  ['src/metrics/a.ts', '../runs/facts.ts'],
  ['src/issues/a.ts', '../testing/world.ts'],
  ['src/issues/a.ts', '../config.ts'],
  ['src/issues/events.ts', '../db/store.ts'],
  ['src/issues/status.ts', '../http/route.ts'],
  ['src/api.ts', './app.ts'],
  ['src/app.ts', './server.ts'],
  ['src/app.ts', './testing/world.ts'],
  ['src/server.ts', './docs.ts'],
  ['src/issues/a.ts', 'pg'],
  ['src/issues/a.ts', 'pg/lib/client.js'],
  ['src/db/mutate.ts', 'pg'],
  ['src/db/schema/a.ts', 'pg'],
  ['src/app.ts', 'pg'],
  ['src/issues/a.test.ts', 'pg'],
]

const allowed: readonly [file: string, from: string][] = [
  ['src/kernel/a.ts', './errors.ts'],
  ['src/db/a.ts', '../kernel/errors.ts'],
  ['src/db/schema/a.ts', '../../issues/status.ts'],
  ['src/db/schema/a.ts', '../columns.ts'],
  ['src/access/a.ts', '../db/schema/agents.ts'],
  ['src/http/a.ts', '../access/permissions.ts'],
  ['src/holds/a.ts', '../issues/status.ts'],
  ['src/holds/a.ts', '../agents/index.ts'],
  ['src/execution/a.ts', '../issues/index.ts'],
  ['src/execution/routes.ts', '../http/route.ts'],
  ['src/scheduler/a.ts', '../realtime/index.ts'],
  ['src/metrics/a.ts', '../runs/index.ts'],
  ['src/issues/a.test.ts', '../testing/world.ts'],
  ['src/issues/events.ts', './status.ts'],
  ['src/app.ts', './http/mount.ts'],
  ['src/db/client.ts', 'pg'],
  ['src/db/embedded/a.test.ts', 'pg'],
  ['src/bench/a.ts', 'pg'],
]

const atPlace = (index: number, file: string): string => file.replace(/([^/]+)$/, (name) => name.replace(/^a\./, `a${index}.`))

/** Every import in a file of its own; files with a name that matters hold one import each run. */
function findingsOf(imports: readonly [string, string][]): boolean[] {
  const runs: Record<string, string>[] = []
  const places = imports.map(([file, from], index) => {
    const place = atPlace(index, file)
    let run = runs.findIndex((files) => !(place in files))
    if (run < 0) run = runs.push({}) - 1
    const files = runs[run] as Record<string, string>
    files[place] = importing(from)
    return { run, place }
  })
  const found = runs.map((files) => {
    plant(files)
    return new Set(lint().flatMap(({ file, rule }) => (rule === 'no-restricted-imports' ? [file] : [])))
  })
  return places.map(({ run, place }) => found[run]?.has(place) ?? false)
}

describe('the order of imports', () => {
  test('what goes to the right, or past an index.ts, is refused', () => {
    const refused = findingsOf(forbidden)
    expect(forbidden.filter((_, index) => refused[index] !== true)).toEqual([])
  })

  test('what goes to the left is not', () => {
    const refused = findingsOf(allowed)
    expect(allowed.filter((_, index) => refused[index] === true)).toEqual([])
  })

  test('a dynamic import and a re-export are imports', () => {
    plant({
      'src/runs/a.ts': "export const late = async () => await import('../holds/index.ts')\n",
      'src/runs/b.ts': "export { thing } from '../holds/index.ts'\n",
      'src/runs/c.ts': "import type { Thing } from '../holds/index.ts'\nexport type Kept = Thing\n",
    })
    expect(lint().map(({ file }) => file)).toEqual(expect.arrayContaining(['src/runs/a.ts', 'src/runs/b.ts', 'src/runs/c.ts']))
  })

  test('every folder of src has its place in it', () => {
    const { overrides } = JSON.parse(readFileSync(path.join(root, '.oxlintrc.json'), 'utf8')) as { overrides: { files: string[] }[] }
    const covered = new Set(overrides.flatMap(({ files }) => files).map((file) => file.split('/')[1]))
    const folders = readdirSync(path.join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
    expect(folders.map(({ name }) => name).filter((name) => !covered.has(name) && name !== 'docs')).toEqual([])
  })

  test('only mutate tells of a commit', () => {
    const telling = 'export const tell = (store: { publish(rows: readonly string[]): void }) => store.publish([])\n'
    plant({ 'src/issues/a.ts': telling, 'src/app.ts': telling, 'src/db/mutate.ts': telling })
    const found = lint().filter(({ rule }) => rule === 'no-restricted-properties')
    expect(found.map(({ file }) => file).toSorted()).toEqual(['src/app.ts', 'src/issues/a.ts'])
  })
})

test('what types alone can tell is found', () => {
  const promise = 'const later = async (): Promise<number> => 1\n'
  plant({
    'src/issues/floating.ts': `${promise}later()\nexport {}\n`,
    'src/issues/voided.ts': `${promise}void later()\nexport {}\n`,
    'src/issues/misused.ts': `${promise}export const answer = (later() ? 1 : 2)\n`,
    'src/issues/anything.ts': 'export const size = (value: any): number => value\n',
    'src/issues/surely.ts': 'export const first = (list: readonly string[]): string => list[0]!\n',
    'src/issues/forgotten.ts':
      "export const name = (kind: 'one' | 'two'): string => {\n  switch (kind) {\n    case 'one':\n      return 'first'\n  }\n  return ''\n}\n",
    'src/issues/here.ts': "import { there } from './there.ts'\nexport const here = () => there\n",
    'src/issues/there.ts': "import { here } from './here.ts'\nexport const there = () => here\n",
    'src/issues/fine.ts': 'export const fine = 1\n',
  })
  const found = lint('--type-aware').map(({ file, rule }) => `${path.basename(file)} ${rule}`)
  for (const expected of [
    'floating.ts no-floating-promises',
    'voided.ts no-floating-promises',
    'misused.ts no-misused-promises',
    'anything.ts no-explicit-any',
    'surely.ts no-non-null-assertion',
    'forgotten.ts switch-exhaustiveness-check',
    'here.ts no-cycle',
    'there.ts no-cycle',
  ])
    expect(found).toContain(expected)
  expect(found.filter((finding) => finding.startsWith('fine.ts'))).toEqual([])
})

describe('what nothing uses', () => {
  const knip = () =>
    spawnSync(
      process.execPath,
      [path.join(root, 'node_modules/knip/bin/knip.js'), '--reporter', 'json', '--include', 'files,exports,types'],
      {
        cwd: tree,
        encoding: 'utf8',
      },
    )

  test('an export, a type and a file that nothing uses are reported', () => {
    plant({
      'src/main.ts': "import { used } from './issues/used.ts'\nused()\n",
      'src/issues/used.ts': 'export const used = (): void => {}\nexport const planted = 1\nexport interface Planted { readonly a: 1 }\n',
      'src/issues/alone.ts': 'export const alone = 1\n',
    })
    const { status, stdout } = knip()
    expect(status).toBe(1)
    for (const name of ['"planted"', '"Planted"', 'src/issues/alone.ts']) expect(stdout).toContain(name)
    expect(stdout).not.toContain('"used"')
  })

  test('a tree where everything is used is clean', () => {
    plant({
      'src/main.ts': "import { used } from './issues/used.ts'\nused()\n",
      'src/issues/used.ts': 'export const used = (): void => {}\n',
    })
    expect(knip()).toMatchObject({ status: 0 })
  })
})
