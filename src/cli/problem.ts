/** The exit codes of the command. Scripts depend on them, so their meanings never change. */
export const EXIT = {
  done: 0,
  /** The answer is a bad one: a finding, a broken chain, a failed check. */
  bad: 1,
  /** The command line is not understood, or an answer to a question is missing. */
  usage: 2,
  /** The server or the database is not reached. */
  unreachable: 3,
  /** The server refused the request. */
  refused: 4,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** Printed by `--json` in the place of data when a command fails. */
export interface ProblemFacts {
  /** A sentence for the operator: what is wrong. */
  readonly message: string
  /** The next step of the operator. */
  readonly next?: string
  /** The code of a refusal of the server. */
  readonly code?: string
  readonly status?: number
  readonly requestId?: string
}

const isOfCommand: unique symbol = Symbol('problem of a command')

type CommandProblem = Error & { readonly [isOfCommand]: { readonly exit: ExitCode; readonly facts: ProblemFacts } }

/** An error that ends a command with an exit code and sentences for the operator. Neither contains a secret. */
export const commandProblem = (exit: ExitCode, facts: ProblemFacts): Error =>
  Object.assign(new Error(facts.message), { [isOfCommand]: { exit, facts } })

/** An error of the command line itself, with exit code 2. */
export const usageProblem = (message: string, next?: string): Error =>
  commandProblem(EXIT.usage, { message, ...(next === undefined ? {} : { next }) })

/** The exit code and the sentences of an error, or null when it is a bug. */
export const problemOf = (error: unknown): { readonly exit: ExitCode; readonly facts: ProblemFacts } | null =>
  error instanceof Error && isOfCommand in error ? (error as CommandProblem)[isOfCommand] : null

/** Signals that end a command, with its exit code then: 128 and the number of the signal, as shells have it. */
export const SIGNAL_EXITS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const

export type EndingSignal = keyof typeof SIGNAL_EXITS

const ofSignal: unique symbol = Symbol('an interrupt by a signal')
const leaves: unique symbol = Symbol('what an interrupt leaves')

/** The reason of an abort by a signal. */
export const interruption = (signal: EndingSignal): Error => Object.assign(new Error(`interrupted by ${signal}`), { [ofSignal]: signal })

/** Ends an interrupted command. @param left a sentence: what it has left behind */
export const interruptedWith = (left: string): Error => Object.assign(new Error(left), { [leaves]: left })

/**
 * The signal that interrupted a command; null when none did. An abort without a reason counts as Ctrl-C.
 * @param error the error of the command: a Ctrl-C at a question is a key and no signal
 */
export function interruptedBy({ aborted, reason }: AbortSignal, error?: unknown): EndingSignal | null {
  const named = [reason, error].find((each) => each instanceof Error && ofSignal in each) as { [ofSignal]: EndingSignal } | undefined
  return named?.[ofSignal] ?? (aborted ? 'SIGINT' : null)
}

/** The sentence about what an interrupted command has left behind, by the error that it ended with; null when that has none. */
export const leftBy = (error: unknown): string | null => (error instanceof Error && leaves in error ? String(error[leaves]) : null)
