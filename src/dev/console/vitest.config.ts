import { defineConfig } from 'vitest/config'

/** Files that measure. Nothing else of the run works beside them. */
const MEASURED = ['issuesAtScale', 'measures', 'stream'].map((name) => `src/dev/console/${name}.test.ts`)

const shared = {
  pool: 'threads' as const,
  isolate: false,
  globalSetup: ['src/dev/testing/cluster.ts', 'src/dev/console/sharedBrowser.ts'],
  testTimeout: 120_000,
  hookTimeout: 120_000,
  expect: { poll: { timeout: 45_000, interval: 50 } },
  retry: 0,
  sequence: { hooks: 'list' as const },
}

// `npm run test:console`: the operator's console in a real Chromium.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...shared,
          name: 'pages',
          include: ['src/dev/console/**/*.test.ts'],
          exclude: MEASURED,
          // A page waits for the server for most of its time, and the server for the page: a second file uses what the first one leaves.
          maxWorkers: 2,
          sequence: { ...shared.sequence, groupOrder: 0 },
        },
      },
      { test: { ...shared, name: 'measures', include: MEASURED, maxWorkers: 1, sequence: { ...shared.sequence, groupOrder: 1 } } },
    ],
  },
})
