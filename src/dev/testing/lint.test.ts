import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rooms } from '../docs/importOrder.ts'

// A lint that sees nothing reports no violations. So this test plants wrong code in a tree of its own, under the real
// configuration, and expects it to be found.

const root = fileURLToPath(new URL('../../..', import.meta.url))
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

/** Runs the lint over the planted tree. */
function lint(...flags: string[]): Finding[] {
  const run = spawnSync(path.join(root, 'node_modules/.bin/oxlint'), ['--deny-warnings', '-f', 'json', ...flags, 'src'], {
    cwd: tree,
    encoding: 'utf8',
  })
  const { diagnostics } = JSON.parse(run.stdout) as { diagnostics: { code: string; filename: string }[] }
  expect(run.status, run.stderr).toBe(diagnostics.length === 0 ? 0 : 1)
  return diagnostics.map(({ code, filename }) => ({ file: filename, rule: /\(([^)]+)\)/.exec(code)?.[1] ?? code }))
}

const importFrom = (from: string): string => `import { thing } from '${from}'\nexport const kept = thing\n`

const forbiddenImports: readonly [file: string, from: string][] = [
  ['src/platform/kernel/a.ts', '../db/mutate.ts'],
  ['src/platform/kernel/a.ts', '../../model/issueStatus.ts'],
  ['src/platform/embedded/a.ts', '../kernel/errors.ts'],
  ['src/platform/embedded/a.ts', '../db/migrate.ts'],
  ['src/platform/db/a.ts', '../../auth/identify.ts'],
  ['src/platform/db/a.ts', '../../model/issues.ts'],
  ['src/platform/db/driver/a.ts', '../../../model/issues.ts'],
  ['src/model/a.ts', '../http/route.ts'],
  ['src/model/a.ts', '../work/issues/views.ts'],
  ['src/model/aStatus.ts', './issues.ts'],
  ['src/model/bStatus.ts', '../platform/db/columns.ts'],
  ['src/auth/a.ts', '../http/route.ts'],
  ['src/auth/a.ts', '../org/agents/index.ts'],
  ['src/http/a.ts', '../org/agents/index.ts'],
  ['src/adapters/a.ts', '../platform/db/mutate.ts'],
  ['src/adapters/a.ts', '../auth/identify.ts'],
  ['src/org/companies/a.ts', '../agents/index.ts'],
  ['src/org/agents/a.ts', '../../work/issues/index.ts'],
  ['src/org/agents/a.ts', '../../engine/runs/index.ts'],
  ['src/org/goals/a.ts', '../projects/index.ts'],
  ['src/org/labels/a.ts', '../goals/index.ts'],
  ['src/engine/runs/a.ts', '../wakes/index.ts'],
  ['src/engine/wakes/a.ts', '../holds/index.ts'],
  ['src/engine/holds/a.ts', '../../work/issues/index.ts'],
  ['src/engine/holds/a.ts', '../../org/agents/lock.ts'],
  ['src/work/issues/a.ts', '../../control/checkout/index.ts'],
  ['src/work/issues/a.ts', '../../engine/holds/writeGate.ts'],
  ['src/work/documents/a.ts', '../interactions/index.ts'],
  ['src/work/workProducts/a.ts', '../feedback/index.ts'],
  ['src/work/feedback/a.ts', '../interactions/index.ts'],
  ['src/control/checkout/a.ts', '../approvals/index.ts'],
  ['src/control/checkout/a.ts', '../../engine/runs/views.ts'],
  ['src/control/dispatch/a.ts', '../execution/index.ts'],
  ['src/control/execution/a.ts', '../checkout/checkout.ts'],
  ['src/control/approvals/a.ts', '../../observe/activity/index.ts'],
  ['src/observe/activity/a.ts', '../../scheduler/periodicTasks.ts'],
  ['src/scheduler/a.ts', '../server/server.ts'],
  ['src/work/issues/a.ts', '../../observe/events/index.ts'],
  ['src/observe/events/a.ts', '../metrics/index.ts'],
  ['src/observe/metrics/a.ts', '../../engine/runs/lease.ts'],
  ['src/work/issues/a.ts', '../../dev/testing/world.ts'],
  ['src/work/issues/a.ts', '../../server/config.ts'],
  ['src/work/issues/a.ts', '../../main.ts'],
  ['src/work/issues/events.ts', '../../platform/db/store.ts'],
  ['src/work/labels/events.ts', '../../http/route.ts'],
  ['src/server/a.ts', '../dev/testing/world.ts'],
  ['src/server/a.ts', '../dev/docs/generated.ts'],
  ['src/main.ts', './dev/docs/main.ts'],
  ['src/work/issues/a.ts', '../../console/api/client.ts'],
  ['src/console/api/a.ts', '../../model/issueStatus.ts'],
  ['src/console/pages/issue/a.tsx', '../../../work/issues/views.ts'],
  ['src/console/api/a.ts', 'node:fs'],
  ['src/work/issues/a.ts', 'pg'],
  ['src/work/issues/a.ts', 'pg/lib/client.js'],
  ['src/platform/db/mutate.ts', 'pg'],
  ['src/model/a.ts', 'pg'],
  ['src/server/a.ts', 'pg'],
  ['src/work/issues/a.test.ts', 'pg'],
]

const allowedImports: readonly [file: string, from: string][] = [
  ['src/platform/kernel/a.ts', './errors.ts'],
  ['src/platform/db/a.ts', '../kernel/errors.ts'],
  ['src/platform/db/driver/a.ts', '../statement.ts'],
  ['src/model/a.ts', './issueStatus.ts'],
  ['src/model/a.ts', '../platform/db/columns.ts'],
  ['src/auth/a.ts', '../model/agents.ts'],
  ['src/http/a.ts', '../auth/permissions.ts'],
  ['src/adapters/a.ts', '../platform/kernel/redact.ts'],
  ['src/engine/holds/a.ts', '../../model/issueStatus.ts'],
  ['src/engine/holds/a.ts', '../../org/agents/index.ts'],
  ['src/control/checkout/a.ts', '../../work/issues/index.ts'],
  ['src/control/execution/a.ts', '../checkout/index.ts'],
  ['src/control/checkout/routes.ts', '../../http/route.ts'],
  ['src/scheduler/a.ts', '../control/dispatch/index.ts'],
  ['src/observe/metrics/a.ts', '../../engine/runs/index.ts'],
  ['src/server/a.ts', '../control/checkout/routes.ts'],
  ['src/work/issues/a.test.ts', '../../dev/testing/world.ts'],
  ['src/work/issues/events.ts', '../../model/issueStatus.ts'],
  ['src/console/pages/issue/a.tsx', '../../api/client.ts'],
  ['src/platform/db/driver/client.ts', 'pg'],
  ['src/platform/embedded/a.test.ts', 'pg'],
  ['src/dev/bench/a.ts', 'pg'],
]

const numberedFile = (index: number, file: string): string => file.replace(/([^/]+)$/, (name) => name.replace(/^a\./, `a${index}.`))

/** Every import in a file of its own; files with a name that matters hold one import each run. */
function findRefusedImports(imports: readonly [string, string][]): boolean[] {
  const runs: Record<string, string>[] = []
  const plantedFiles = imports.map(([file, from], index) => {
    const plantedFile = numberedFile(index, file)
    let run = runs.findIndex((files) => !(plantedFile in files))
    if (run < 0) run = runs.push({}) - 1
    const files = runs[run] as Record<string, string>
    files[plantedFile] = importFrom(from)
    return { run, place: plantedFile }
  })
  const found = runs.map((files) => {
    plant(files)
    return new Set(lint().flatMap(({ file, rule }) => (rule === 'no-restricted-imports' ? [file] : [])))
  })
  return plantedFiles.map(({ run, place: plantedFile }) => found[run]?.has(plantedFile) ?? false)
}

describe('the order of imports', () => {
  test('An import of a later room, or past an index.ts, is refused', () => {
    const isRefused = findRefusedImports(forbiddenImports)
    expect(forbiddenImports.filter((_, index) => isRefused[index] !== true)).toEqual([])
  })

  test('An import of an earlier room is allowed', () => {
    const isRefused = findRefusedImports(allowedImports)
    expect(allowedImports.filter((_, index) => isRefused[index] === true)).toEqual([])
  })

  test('A dynamic import and a re-export count as imports', () => {
    plant({
      'src/engine/runs/a.ts': "export const late = async () => await import('../../engine/holds/index.ts')\n",
      'src/engine/runs/b.ts': "export { thing } from '../../engine/holds/index.ts'\n",
      'src/engine/runs/c.ts': "import type { Thing } from '../../engine/holds/index.ts'\nexport type Kept = Thing\n",
    })
    expect(lint().map(({ file }) => file)).toEqual(
      expect.arrayContaining(['src/engine/runs/a.ts', 'src/engine/runs/b.ts', 'src/engine/runs/c.ts']),
    )
  })

  test('Every folder of src has a place in the list of rooms', () => {
    const foldersWithCode = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && file.includes('/') && !/^(?:dev|console)\//.test(file))
      .map((file) => path.dirname(file))
    const homeless = foldersWithCode.filter((folder) => !rooms.some(({ path: room }) => folder === room || folder.startsWith(`${room}/`)))
    expect([...new Set(homeless)]).toEqual([])
  })

  test('Only mutate may announce a commit', () => {
    const publishing = 'export const announce = (store: { publish(rows: readonly string[]): void }) => store.publish([])\n'
    plant({ 'src/work/issues/a.ts': publishing, 'src/server/app.ts': publishing, 'src/platform/db/mutate.ts': publishing })
    const found = lint().filter(({ rule }) => rule === 'no-restricted-properties')
    expect(found.map(({ file }) => file).toSorted()).toEqual(['src/server/app.ts', 'src/work/issues/a.ts'])
  })
})

test('The type-aware lint finds each planted offence', () => {
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

test('The lint of the console finds a hook in a condition, a missing dependency and a picture without words, and lets types of the server in', () => {
  plant({
    'src/console/parts/Wrong.tsx': `import { useEffect, useState } from 'react'
export const Wrong = ({ on, name }: { readonly on: boolean; readonly name: string }) => {
  if (on) useState(1)
  useEffect(() => console.log(name), [])
  return <img src="/a.png" />
}
`,
    'src/console/api/fine.ts': "import type { Thing } from '../../work/issues/views.ts'\nexport type Kept = Thing\n",
    'src/dev/testing/fine.ts':
      "import { useServer } from './world.ts'\nexport const kept = (on: boolean): unknown => (on ? useServer() : null)\n",
  })
  expect(lint().map(({ file, rule }) => `${path.basename(file)} ${rule}`)).toEqual(
    expect.arrayContaining(['Wrong.tsx rules-of-hooks', 'Wrong.tsx exhaustive-deps', 'Wrong.tsx alt-text']),
  )
  expect(lint().filter(({ file }) => file.endsWith('fine.ts'))).toEqual([])
})

test('A function, a file and a list of parameters over the limit are refused', () => {
  const line = 'export const a = 1\n'
  plant({
    'src/work/issues/function.ts': `export function long(): void {\n${'  console.log(1)\n'.repeat(60)}}\n`,
    'src/work/issues/file.ts': Array.from({ length: 351 }, (_, index) => line.replace('a =', `a${index} =`)).join(''),
    'src/work/issues/parameters.ts':
      'export const sum = (a: number, b: number, c: number, d: number, e: number): number => a + b + c + d + e\n',
  })
  const found = lint().map(({ file, rule }) => `${path.basename(file)} ${rule}`)
  expect(found.toSorted()).toEqual(['file.ts max-lines', 'function.ts max-lines-per-function', 'parameters.ts max-params'])
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

  test('An export, a type and a file that nothing uses are reported', () => {
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

  test('A tree in which everything is used has no findings', () => {
    plant({
      'src/main.ts': "import { used } from './issues/used.ts'\nused()\n",
      'src/issues/used.ts': 'export const used = (): void => {}\n',
    })
    expect(knip()).toMatchObject({ status: 0 })
  })
})
