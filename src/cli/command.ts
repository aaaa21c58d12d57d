import type { z } from 'zod'
import type { Io } from './io.ts'
import type { ExitCode } from './problem.ts'

/** The result of a command. */
export interface Outcome {
  /** The value that `--json` prints. Left out by commands that wrote their output while they ran. */
  readonly data?: unknown
  /** The text for people. Left out: nothing is printed without `--json`. */
  readonly text?: string
  /** The exit code; 0 when it is left out. */
  readonly exit?: ExitCode
  /** A sentence, given when an interrupt ended the command before it was complete: what is left to do. The exit code is then that of the signal. */
  readonly left?: string
}

/** A command with everything that help, parsing, completion and the documents need. */
export interface Declaration<Options extends z.ZodObject> {
  /** The words after `paperclip-server`: `status`, or a noun and a verb as in `locks release`. */
  readonly name: string
  /** One sentence in the imperative, without a full stop at its end. */
  readonly summary: string
  /** More sentences for the help of the command itself. */
  readonly details?: string
  /** Whole command lines, as a person would type them. */
  readonly example: string | readonly string[]
  /**
   * Every option with its description (`describe`). A key in camelCase is an option in kebab-case: `dryRun` is `--dry-run`. A boolean is a flag, an
   * array may be given several times, and everything else arrives as text, so numbers need `z.coerce`.
   */
  readonly options: Options
  /** Keys of `options` that are given by position, in their order. The last one may be an array, which takes the rest. */
  readonly positionals?: readonly (keyof Options['shape'] & string)[]
  /** It opens the database itself and needs no running server. Its help says so. */
  readonly database?: true
  /** It needs neither a server nor a database. */
  readonly offline?: true
  /**
   * It writes its output while it runs, and `--json` then prints one JSON value in each line. `lines`: each line has a sense by itself, so a reader that
   * ends has seen enough. `whole`: a part of the output is worth nothing, so a reader that ends early is a failure.
   */
  readonly streams?: 'lines' | 'whole'
  /** It answers signals itself, and stays until one ends it. */
  readonly ownSignals?: true
  /** Runs the command. It may throw what `commandProblem` makes. Heavy modules are imported here, so that `--help` stays fast. */
  readonly run: (io: Io, options: z.output<Options>) => Promise<Outcome>
}

/** A command whose types of options are forgotten. */
export interface Command extends Omit<Declaration<z.ZodObject>, 'run' | 'positionals'> {
  readonly positionals: readonly string[]
  readonly run: (io: Io, options: never) => Promise<Outcome>
}

/**
 * Declares a command. The list in `commands.ts` is the only registration: parsing, help, completion and doc/COMMANDS.md are made from it.
 */
export const command = <Options extends z.ZodObject>(declaration: Declaration<Options>): Command => ({
  ...declaration,
  positionals: declaration.positionals ?? [],
})
