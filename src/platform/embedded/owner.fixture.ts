import { createInterface } from 'node:readline'
import { startEmbedded } from './index.ts'
import { detectDeathSignal } from './parentDeathSignal.ts'
import { platformPackage } from './binaries.ts'
import { startWith } from './start.ts'

// A server in miniature, for tests that need a process they can kill: starts the database, reports on stdout one JSON value
// per line, stops on "stop", and ends with its test.
const { home, durable, surroundings, umask } = JSON.parse(process.argv[2] ?? '{}')
if (umask !== undefined) process.umask(umask)
const writeLine = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`)
const options = { home, durable, log: (message: string, facts: object) => writeLine({ log: message, ...facts }) }

// The terminal's Ctrl-C reaches the whole group; a draining server survives it, so this one does too.
process.on('SIGINT', () => writeLine({ interrupted: true }))

try {
  const database = surroundings
    ? await startWith(options, { packageFolder: platformPackage(), deathSignal: await detectDeathSignal(), ...surroundings })
    : await startEmbedded(options)
  writeLine({ connection: database.connection })
  const lines = createInterface(process.stdin)[Symbol.asyncIterator]()
  const { done: isOver = false } = await lines.next()
  // Without the word to stop the test is gone, and nobody is left to wait for an orderly end.
  if (!isOver) await database.stop()
  process.exit(isOver ? 1 : 0)
} catch (error) {
  writeLine({ refused: String(error) })
  process.exitCode = 1
}
