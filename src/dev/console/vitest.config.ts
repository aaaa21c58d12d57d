import { defineConfig } from 'vitest/config'

// `npm run test:console`: the operator's console in a real Chromium.
export default defineConfig({
  test: {
    include: ['src/dev/console/**/*.test.ts'],
    pool: 'threads',
    isolate: false,
    // Each file starts a browser and a server; two cores carry one of each.
    maxWorkers: 1,
    globalSetup: ['src/dev/testing/cluster.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 45_000, interval: 50 } },
    retry: 0,
    sequence: { hooks: 'list' },
  },
})
