import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/*.vitest.js'],
    setupFiles: ['paperclip-server/testing/vitest'],
    // A test that moves the clock runs every periodic task of the server each time. That is no work for a busy machine with five seconds.
    testTimeout: 60_000,
  },
})
