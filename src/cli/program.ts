import type { Command, Outcome } from './command.ts'
import { commandHelp, programHelp } from './help.ts'
import { createIo, screenOf, writeNote } from './io.ts'
import type { Io, Running, Surroundings } from './io.ts'
import { createOutput, isLostOutput, isReaderGone } from './output.ts'
import type { Output } from './output.ts'
import { parseLine } from './parse.ts'
import type { ParsedLine } from './parse.ts'
import { commandProblem, EXIT, interruptedBy, leftBy, problemOf, SIGNAL_EXITS } from './problem.ts'
import type { EndingSignal, ExitCode, ProblemFacts } from './problem.ts'
import { forPeople, oneLine, safeJson } from './screen.ts'

/** The program: its version and its commands. */
export interface Program {
  readonly version: string
  readonly commands: readonly Command[]
}

/** Writes a text for people to the standard output. */
async function print(around: Surroundings, out: Output, text: string): Promise<void> {
  if (text !== '') await out.write(`${forPeople(screenOf(around), text.replace(/\n$/, ''))}\n`)
}

/** Writes one JSON value. Commands that write lines of JSON keep to one line. */
const printJson = async (out: Output, value: unknown, isLine: boolean): Promise<void> =>
  await out.write(`${safeJson(value, isLine ? undefined : 2)}\n`)

async function printOutcome(around: Running, { data, text }: Outcome, { shared, command }: ParsedLine): Promise<void> {
  if (!shared.json) await print(around, around.out, text ?? '')
  else if (data !== undefined) await printJson(around.out, data, command.streams !== undefined)
}

/** Reports a failure: sentences for people on the standard error, one JSON value for programs on the standard output. */
async function printProblem(around: Surroundings, out: Output, facts: ProblemFacts, format: 'text' | 'json' | 'line'): Promise<void> {
  const { message, next } = facts
  if (format === 'text') writeNote(around, `${message.replaceAll('\n', '\n  ')}${next === undefined ? '' : `\n  ${oneLine(next)}`}`)
  // The exit code says it as well, where nothing reads any more.
  else await printJson(out, { error: facts }, format === 'line').catch(() => {})
}

const formatOf = ({ shared, command }: ParsedLine): 'text' | 'json' | 'line' => {
  if (!shared.json) return 'text'
  return command.streams === undefined ? 'json' : 'line'
}

interface Cut {
  readonly signal: EndingSignal | null
  readonly left: string | null
  /** It has printed its result, or lines of it, and JSON behind that would be read as more of it. */
  readonly hasPrinted: boolean
}

/** The end of a command that was interrupted by a signal: 128 and its number, with a sentence about what it has left. */
async function endInterrupted(around: Running, line: ParsedLine, { signal, left, hasPrinted }: Cut): Promise<number | null> {
  if (signal === null) return null
  const message = `Interrupted by ${signal}${left === null ? '' : `: ${left}`}`
  if (hasPrinted) writeNote(around, message)
  else await printProblem(around, around.out, { message, code: 'interrupted' }, formatOf(line))
  return SIGNAL_EXITS[signal]
}

/**
 * The end of a command whose output was not taken. A reader of lines or of a table that ends, such as `head`, has seen enough. Of a backup, an export or
 * one JSON value a part is worth nothing, so that is a failure, and so is a full disk.
 * @param outcome null while the command had not ended yet
 */
function endUntaken(around: Running, { shared, command }: ParsedLine, outcome: Outcome | null): ExitCode {
  const isLines = outcome === null ? command.streams === 'lines' : !shared.json
  if (isReaderGone(around.out.failure()) && isLines) return outcome?.exit ?? EXIT.done
  return noteUntaken(around, around.out)
}

/** Says that output is not whole. */
function noteUntaken(around: Surroundings, out: Output): ExitCode {
  const failure = out.failure()
  const because = isReaderGone(failure) ? 'its reader ended' : `it cannot be written (${failure?.code ?? 'unknown error'})`
  writeNote(around, `The output was not taken to its end: ${because}\n  what was written of it is not whole: run the command again`)
  return EXIT.bad
}

/** A failure of the code of a command: of the server's making where it read an answer that has not the form of this release. */
function asProblem(error: unknown, io: Io): unknown {
  const url = io.spokenTo()
  const isMisread = error instanceof TypeError || error instanceof SyntaxError || error instanceof RangeError
  if (url === null || !isMisread) return error
  return commandProblem(EXIT.unreachable, {
    message: `What answers at ${url} does not answer as a server of this release does (${oneLine(error.message).slice(0, 200)})`,
    next: 'look whether it is this server, and use the command of its release',
  })
}

async function runCommand(around: Running, line: ParsedLine): Promise<number> {
  const { command, shared, options } = line
  const io = createIo(around, shared)
  let outcome: Outcome | null = null
  try {
    outcome = await command.run(io, options as never)
    await printOutcome(around, outcome, line)
    const { left, exit = EXIT.done } = outcome
    if (left === undefined) return exit
    return (await endInterrupted(around, line, { signal: interruptedBy(around.signal), left, hasPrinted: true })) ?? exit
  } catch (error) {
    if (isLostOutput(error) || around.out.failure() !== null) return endUntaken(around, line, outcome)
    const signal = interruptedBy(around.signal, error)
    const interrupted = await endInterrupted(around, line, { signal, left: leftBy(error), hasPrinted: command.streams !== undefined })
    if (interrupted !== null) return interrupted
    const readable = asProblem(error, io)
    const problem = problemOf(readable)
    if (problem === null) throw readable
    await printProblem(around, around.out, problem.facts, formatOf(line))
    return problem.exit
  }
}

/** Answers a line: runs its command, or prints the help that it asks for. */
async function answerLine({ version, commands }: Program, args: readonly string[], around: Surroundings, out: Output): Promise<number> {
  if (args[0] === '--version' || args[0] === '-v') {
    await print(around, out, version)
    return EXIT.done
  }
  const line = parseLine(commands, args)
  if (line.command === null) {
    await print(around, out, programHelp(version, commands, line.words))
    return line.words.length === 0 && args.length === 0 ? EXIT.usage : EXIT.done
  }
  if (line.shared.help) {
    await print(around, out, commandHelp(line.command))
    return EXIT.done
  }
  const signal = line.command.ownSignals === true ? new AbortController().signal : around.listenForSignals()
  return await runCommand({ ...around, out, signal }, line)
}

/**
 * Runs a command line.
 * @param args without the program itself
 * @returns the exit code. An error that is none of a command's own is thrown: it is a bug.
 */
export async function runProgram(program: Program, args: readonly string[], around: Surroundings): Promise<number> {
  const out = createOutput(around.stdout)
  // Remarks that are not read are not missed.
  around.stderr.on('error', () => {})
  try {
    return await answerLine(program, args, around, out)
  } catch (error) {
    if (isLostOutput(error)) return isReaderGone(out.failure()) ? EXIT.done : noteUntaken(around, out)
    const problem = problemOf(error)
    if (problem === null) throw error
    await printProblem(around, out, problem.facts, args.includes('--json') ? 'json' : 'text')
    return problem.exit
  }
}
