import { createProcessLifecycle } from './server/processLifecycle.ts'

// Install signal handlers before loading the program, so that an early Ctrl-C still cleans up.
const lifecycle = createProcessLifecycle((code) => process.exit(code))
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, lifecycle.handleSignal)
process.on('uncaughtException', lifecycle.crash)
process.on('unhandledRejection', lifecycle.crash)

const { start } = await import('./server/start.ts')
await start(lifecycle)
