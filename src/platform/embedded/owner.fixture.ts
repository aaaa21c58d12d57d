import { createInterface } from 'node:readline'
import { startEmbedded } from './index.ts'
import { detectDeathSignal } from './parentDeathSignal.ts'
import { platformPackage } from './binaries.ts'
import { startWith } from './start.ts'

// A minimal server, for tests that need a process that they can kill. It starts the database, reports one JSON value per
// line on stdout, stops on the input "stop", and exits when its test ends.
const { home, durable, surroundings, umask } = JSON.parse(process.argv[2] ?? '{}')
if (umask !== undefined) process.umask(umask)
const writeLine = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`)
const options = { home, durable, log: (message: string, facts: object) => writeLine({ log: message, ...facts }) }

// Ctrl-C in a terminal reaches the whole process group. A draining server survives it, so this process does, too.
process.on('SIGINT', () => writeLine({ interrupted: true }))

try {
  const database = surroundings
    ? await startWith(options, { packageFolder: platformPackage(), deathSignal: await detectDeathSignal(), ...surroundings })
    : await startEmbedded(options)
  writeLine({ connection: database.ownerConnection })
  const lines = createInterface(process.stdin)[Symbol.asyncIterator]()
  const { done: isOver = false } = await lines.next()
  // The input ended without "stop": the test process is gone, so an orderly shutdown has no purpose.
  if (!isOver) await database.stop()
  process.exit(isOver ? 1 : 0)
} catch (error) {
  writeLine({ refused: String(error) })
  process.exitCode = 1
}
