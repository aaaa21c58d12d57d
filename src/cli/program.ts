import type { Command, Outcome } from './command.ts'
import { commandHelp, programHelp } from './help.ts'
import { createIo } from './io.ts'
import type { Surroundings } from './io.ts'
import { parseLine } from './parse.ts'
import type { ParsedLine } from './parse.ts'
import { EXIT, problemOf } from './problem.ts'
import type { ExitCode } from './problem.ts'
import { safeJson } from './screen.ts'

/** The program: its version and its commands. */
export interface Program {
  readonly version: string
  readonly commands: readonly Command[]
}

/** Every sequence that would act on a terminal, but those of colours that this program writes. */
const withoutControl = (text: string): string =>
  // oxlint-disable-next-line no-control-regex
  text.replaceAll(/\u001B(?!\[\d{1,2}m)|[\u0000-\u0008\u000B-\u001A\u001C-\u001F\u007F-\u009F]/g, '\u{FFFD}')

async function print({ stdout }: Surroundings, text: string): Promise<void> {
  if (text === '') return
  await new Promise<void>((resolve) => void stdout.write(text.endsWith('\n') ? text : `${text}\n`, () => resolve()))
}

async function printOutcome(around: Surroundings, { data, text }: Outcome, isJson: boolean): Promise<void> {
  if (isJson) await print(around, data === undefined ? '' : safeJson(data, 2))
  else await print(around, withoutControl(text ?? ''))
}

/** Reports a failure: sentences for people on the standard error, one JSON value for programs on the standard output. */
async function printProblem(around: Surroundings, error: unknown, isJson: boolean): Promise<ExitCode> {
  const problem = problemOf(error)
  // An interrupt of the operator is no failure to explain.
  if (problem === null && around.signal.aborted) return EXIT.bad
  if (problem === null) throw error
  const { message, next } = problem.facts
  if (isJson) await print(around, safeJson({ error: problem.facts }, 2))
  else around.stderr.write(withoutControl(`${message}\n${next === undefined ? '' : `  ${next}\n`}`))
  return problem.exit
}

async function runCommand(around: Surroundings, { command, shared, options }: ParsedLine): Promise<ExitCode> {
  if (shared.help) {
    await print(around, commandHelp(command))
    return EXIT.done
  }
  const outcome = await command.run(createIo(around, shared), options as never)
  await printOutcome(around, outcome, shared.json)
  return outcome.exit ?? EXIT.done
}

/**
 * Runs a command line.
 * @param args without the program itself
 * @returns the exit code. An error that is none of a command's own is thrown: it is a bug.
 */
export async function runProgram({ version, commands }: Program, args: readonly string[], around: Surroundings): Promise<ExitCode> {
  try {
    if (args[0] === '--version' || args[0] === '-v') {
      await print(around, version)
      return EXIT.done
    }
    const line = parseLine(commands, args)
    if (line.command !== null) return await runCommand(around, line)
    await print(around, programHelp(version, commands, line.words))
    return line.words.length === 0 && args.length === 0 ? EXIT.usage : EXIT.done
  } catch (error) {
    return await printProblem(around, error, args.includes('--json'))
  }
}
