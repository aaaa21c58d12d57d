import { defineConfig } from 'vitest/config'

export default defineConfig({ test: { include: ['test/*.vitest.js'], setupFiles: ['paperclip-server/testing/vitest'] } })
