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

/** Mistakes in components that React itself reports only when they are reached. */
const reactRules = [
  'rules-of-hooks',
  'exhaustive-deps',
  'jsx-key',
  'jsx-no-duplicate-props',
  'jsx-no-undef',
  'no-children-prop',
  'no-danger',
  'no-direct-mutation-state',
  'no-render-return-value',
  'no-unsafe',
  'void-dom-elements-no-children',
] as const

/**
 * Mistakes that keep people from using a page. The rules that are missing here guess from the source: axe looks at the pages themselves
 * (`src/dev/console/everyPage.test.ts`), and knows that a list of choices is a listbox and that a region which scrolls needs the focus.
 */
const accessRules = [
  'alt-text',
  'anchor-has-content',
  'anchor-is-valid',
  'aria-activedescendant-has-tabindex',
  'aria-props',
  'aria-proptypes',
  'aria-role',
  'aria-unsupported-elements',
  'autocomplete-valid',
  'heading-has-content',
  'html-has-lang',
  'iframe-has-title',
  'img-redundant-alt',
  'interactive-supports-focus',
  'label-has-associated-control',
  'mouse-events-have-key-events',
  'no-access-key',
  'no-aria-hidden-on-focusable',
  'no-distracting-elements',
  'no-interactive-element-to-noninteractive-role',
  'no-static-element-interactions',
  'role-has-required-aria-props',
  'role-supports-aria-props',
  'scope',
  'tabindex-no-positive',
] as const

/** The rules of the console's components. Other parts of the program have functions named `use…` that are no hooks. */
const consoleRules = {
  files: ['src/console/**'],
  plugins: ['typescript', 'import', 'unicorn', 'promise', 'react', 'jsx-a11y'],
  rules: Object.fromEntries(
    [...reactRules.map((name) => `react/${name}`), ...accessRules.map((name) => `jsx-a11y/${name}`)].map((name) => [name, 'error']),
  ),
}

/** A test of Node's runner returns a promise that the runner itself awaits. */
const examplesRules = { files: ['doc/examples/**/*.node.js'], rules: { 'typescript/no-floating-promises': 'off' } }

/** The hostile agent is passed to a program as one text, so it cannot import a second file. */
const hostileRules = { files: ['src/dev/hostile/program.mjs'], rules: { 'max-lines': 'off' } }

/** The overrides of `.oxlintrc.json`, in an order in which the last that matches a file rules. */
const lintOverrides = (): readonly object[] => [
  ...rooms.map((room) =>
    refuseImports(
      [`src/${room.path}/**`],
      [...DRIVER, '**/dev/**', '**/console/**', '**/main.ts', ...refusedIn(room)],
      `${room.path} imports only rooms that stand before it in src/dev/docs/importOrder.ts, and most of them only by their index.ts.`,
    ),
  ),
  {
    files: ['src/console/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            { group: ['node:*', ...DRIVER, '**/dev/**'], message: 'The console runs in a browser.' },
            {
              group: rooms.map(({ path }) => `**/${path}/**`),
              allowTypeImports: true,
              message: 'The console imports types of the server and nothing else of it.',
            },
          ],
        },
      ],
    },
  },
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
  examplesRules,
  hostileRules,
  { files: longFunctions.map(({ file }) => file), rules: { 'max-lines-per-function': 'off' } },
  consoleRules,
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
