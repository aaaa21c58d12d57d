// The command `paperclip-server`.

import { readFileSync } from 'node:fs'
import { commands } from './commands.ts'
import { writeNote } from './io.ts'
import { EXIT } from './problem.ts'
import { runProgram } from './program.ts'
import { listenForSignals } from './signals.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }

const { env, stdin, stdout, stderr } = process
let signal: AbortSignal | null = null
const exit = await runProgram({ version, commands }, process.argv.slice(2), {
  env,
  stdin,
  stdout,
  stderr,
  listenForSignals: () => (signal = listenForSignals(process)),
}).catch((error: unknown) => {
  // A bug. Its message may quote what an agent wrote.
  writeNote({ env, stderr }, error instanceof Error ? (error.stack ?? error.message) : String(error))
  return EXIT.bad
})
process.exitCode = exit
// An interrupted command may have left a connection with a statement on it, which must keep no process alive.
if ((signal as AbortSignal | null)?.aborted === true) process.exit()
