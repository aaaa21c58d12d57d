import { refuse } from './errors.ts'

/**
 * A state machine as a table: every status, and the statuses that may follow it.
 * The zod enum, the SQL check, the diagram in `doc/generated/states.md` and the all-pairs test are made from it.
 */
export interface StateMachine<S extends string> {
  readonly name: string
  readonly transitions: Readonly<Record<S, readonly S[]>>
  readonly statuses: readonly [S, ...S[]]
  /** Statuses without a following status. */
  readonly terminal: readonly S[]
  /** Whether `from` may become `to`. */
  allows(from: S, to: S): boolean
  /** @returns `to` @throws Refusal `illegal_transition` */
  transition(from: S, to: S): S
}

/** Creates a state machine from its table. A target that is not declared does not compile. */
export function stateMachine<const T extends Record<string, readonly (keyof T & string)[]>>(
  name: string,
  transitions: T,
): StateMachine<keyof T & string> {
  type S = keyof T & string
  const statuses = Object.keys(transitions) as [S, ...S[]]
  const allows = (from: S, to: S): boolean => (transitions[from] as readonly S[]).includes(to)
  return {
    name,
    transitions,
    statuses,
    terminal: statuses.filter((status) => (transitions[status] as readonly S[]).length === 0),
    allows,
    transition: (from, to) => (allows(from, to) ? to : refuse('illegal_transition', { details: { machine: name, from, to } })),
  }
}
