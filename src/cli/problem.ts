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
