import { createLife } from './life.ts'

// Before anything else is even loaded: an early Ctrl-C is an order too, and must leave nothing behind.
const life = createLife((code) => process.exit(code))
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, life.obey)
process.on('uncaughtException', life.die)
process.on('unhandledRejection', life.die)

const { start } = await import('./start.ts')
await start(life)
