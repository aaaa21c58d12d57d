import v8 from 'node:v8'
import { defineConfig } from 'vitest/config'
import { LongestFirst } from './src/dev/testing/longestFirst.ts'

// The young generation of a server, for the workers, too: with the default of V8 one collection keeps the event loop for 70 ms, where
// that of a server takes 15, and tests measure what requests wait for.
for (const option of ['--max-semi-space-size=8', '--no-parallel-scavenge', '--no-allocation-site-pretenuring'])
  v8.setFlagsFromString(option)

/** Files that start a server, a Postgres, the package or a browser as processes of their own (`src/dev/testing/processTests.test.ts`). */
const PROCESSES = ['src/**/*.process.test.ts', 'src/**/*.browser.test.ts']
// The console has a run of its own, `npm run test:console`.
const CONSOLE = 'src/dev/console/**'

const shared = {
  pool: 'threads' as const,
  // Files share nothing but the cluster, so a worker keeps the program loaded: a minute of imports less.
  isolate: false,
  // Two cores: a third file at once only makes every file slower.
  maxWorkers: 2,
  globalSetup: ['src/dev/testing/cluster.ts'],
  // These end what would wait for ever. A machine that is slow fails no test.
  testTimeout: 120_000,
  hookTimeout: 120_000,
  expect: { poll: { timeout: 45_000, interval: 10 } },
  // A flaky test is a race to be found, never one to be run again.
  retry: 0,
  sequence: { hooks: 'list' as const },
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      { test: { ...shared, name: 'program', include: ['src/**/*.test.ts'], exclude: [CONSOLE, ...PROCESSES] } },
      { test: { ...shared, name: 'processes', include: PROCESSES, exclude: [CONSOLE] } },
    ],
  },
})
