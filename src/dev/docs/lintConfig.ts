import { DRIVER, ONLY_DRIVER, refuseImports, refusedIn, rooms } from './importOrder.ts'
import type { Room } from './importOrder.ts'

/** A function is read on one screen. Data (lists of routes, of metrics) is read differently and may be longer. */
export const MAX_FUNCTION_LINES = 60
const MAX_FILE_LINES = 350
const MAX_PARAMETERS = 4

/** Functions that may be longer than the limit, each with its reason. The list may only shrink. */
export const longFunctions: readonly { readonly file: string; readonly because: string }[] = [
  { file: 'src/observe/metrics/metrics.ts', because: 'a list of metrics' },
]

/** Every declaration of events and every state machine can be read without a database, a request or a clock. */
const DECLARATIONS = [
  '**/platform/db/**',
  '**/auth/**',
  '**/http/**',
  '**/adapters/**',
  '**/engine/**',
  '**/control/**',
  '**/scheduler/**',
  '**/server/**',
  '../db/**',
]

/** The overrides of `.oxlintrc.json`, in an order in which the last that matches a file rules. */
const lintOverrides = (): readonly object[] => [
  ...rooms.map((room) =>
    refuseImports(
      [`src/${room.path}/**`],
      [...DRIVER, '**/dev/**', '**/main.ts', ...refusedIn(room)],
      `${room.path} imports only rooms that stand before it in src/dev/docs/importOrder.ts, and most of them only by their index.ts.`,
    ),
  ),
  refuseImports(['src/main.ts'], [...DRIVER, '**/dev/**'], 'The program imports no tool and no test.'),
  refuseImports(
    ['src/**/events.ts'],
    [...DRIVER, '**/dev/**', ...DECLARATIONS],
    'A declaration of events imports the kernel, state machines and other declarations.',
  ),
  refuseImports(
    ['src/model/*Status.ts'],
    [...DRIVER, '**/dev/**', ...DECLARATIONS, './*.ts', '!./*Status.ts'],
    'A state machine imports the kernel and other state machines.',
  ),
  refuseImports(
    ['src/platform/db/driver/*.ts'],
    ['**/dev/**', ...refusedIn(rooms.find(({ path }) => path === 'platform/db') as Room)],
    'platform/db imports the kernel and the home.',
  ),
  {
    files: ['src/**/*.test.ts', 'src/**/*.fixture.ts', 'src/adapters/testKit.ts', 'src/dev/**'],
    rules: {
      'no-restricted-imports': ['error', { patterns: [{ group: DRIVER, message: ONLY_DRIVER }] }],
      'no-restricted-properties': 'off',
    },
  },
  {
    files: ['src/platform/embedded/*.test.ts', 'src/platform/embedded/*.fixture.ts', 'src/dev/bench/**'],
    rules: { 'no-restricted-imports': 'off', 'no-restricted-properties': 'off' },
  },
  { files: ['src/platform/db/mutate.ts', 'src/platform/db/store.ts'], rules: { 'no-restricted-properties': 'off' } },
  { files: ['src/**/*.test.ts'], rules: { 'max-lines': 'off', 'max-lines-per-function': 'off' } },
  // The hostile agent is passed to a program as one text, so it cannot import a second file.
  { files: ['src/dev/hostile/program.mjs'], rules: { 'max-lines': 'off' } },
  { files: longFunctions.map(({ file }) => file), rules: { 'max-lines-per-function': 'off' } },
]

/** Rules with a number that stands here. */
const sizeRules = {
  'eslint/max-lines': ['error', MAX_FILE_LINES],
  'eslint/max-lines-per-function': ['error', MAX_FUNCTION_LINES],
  'eslint/max-params': ['error', MAX_PARAMETERS],
}

/**
 * The text of `.oxlintrc.json`: what is written by hand, with the overrides made from the list.
 * @param current the file as it is
 */
export function renderLintConfig(current: string): string {
  const config = JSON.parse(current) as { readonly rules: object }
  return `${JSON.stringify({ ...config, rules: { ...config.rules, ...sizeRules }, overrides: lintOverrides() }, null, 2)}\n`
}
