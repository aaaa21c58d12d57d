import { createProcessLifecycle } from './server/processLifecycle.ts'

// Install signal handlers before loading the program, so that an early Ctrl-C still cleans up.
const lifecycle = createProcessLifecycle((code) => process.exit(code))
// A terminal that closes sends SIGHUP, and no operator can send a second one.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, lifecycle.handleSignal)
// Without a listener Node opens its debugger on loopback, where every account of the machine, also an agent's, runs code as this process.
process.on('SIGUSR1', lifecycle.refuseDebugger)
process.on('uncaughtException', lifecycle.crash)
process.on('unhandledRejection', lifecycle.crash)

const { start } = await import('./server/start.ts')
await start(lifecycle)
