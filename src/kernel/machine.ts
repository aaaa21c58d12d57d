import { refuse } from './errors.ts'

/**
 * A state machine as a table: every status, and the statuses it may become.
 * The zod enum, the SQL check, the diagram in `doc/generated/states.md` and the all-pairs test are read from it.
 */
export interface Machine<S extends string> {
  readonly name: string
  readonly table: Readonly<Record<S, readonly S[]>>
  readonly statuses: readonly [S, ...S[]]
  /** Statuses that nothing leaves. */
  readonly terminal: readonly S[]
  /** True when `from` may become `to`. */
  allows(from: S, to: S): boolean
  /** Returns `to`, or refuses with `illegal_transition`. */
  step(from: S, to: S): S
}

/** Builds a machine from its table; an undeclared target does not compile. */
export function machine<const T extends Record<string, readonly (keyof T & string)[]>>(name: string, table: T): Machine<keyof T & string> {
  type S = keyof T & string
  const statuses = Object.keys(table) as [S, ...S[]]
  const allows = (from: S, to: S): boolean => (table[from] as readonly S[]).includes(to)
  return {
    name,
    table,
    statuses,
    terminal: statuses.filter((status) => (table[status] as readonly S[]).length === 0),
    allows,
    step: (from, to) => (allows(from, to) ? to : refuse('illegal_transition', { details: { machine: name, from, to } })),
  }
}
