import { createProcessLifecycle } from './server/processLifecycle.ts'

// Before anything else is even loaded: an early Ctrl-C is an order too, and must leave nothing behind.
const lifecycle = createProcessLifecycle((code) => process.exit(code))
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, lifecycle.handleSignal)
process.on('uncaughtException', lifecycle.crash)
process.on('unhandledRejection', lifecycle.crash)

const { start } = await import('./server/start.ts')
await start(lifecycle)
