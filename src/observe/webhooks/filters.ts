// Which events an endpoint wants. Pure.

/** The name of the only events that are no audit rows: what a run says while it works. */
const RUN_EVENT = 'heartbeat.run.event'

/** A pattern of names of events: a name, the beginning of names followed by `.*`, or `*`. */
export const eventPattern = /^(?:\*|[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*(?:\.\*)?)$/

const matchesOne = (pattern: string, name: string): boolean =>
  pattern === '*' || pattern === name || (pattern.endsWith('.*') && name.startsWith(pattern.slice(0, -1)))

/** Whether one of the patterns matches the name of an event. */
export const matches = (patterns: readonly string[], name: string): boolean => patterns.some((pattern) => matchesOne(pattern, name))

/** The name of an event: the action of an audit row, or `RUN_EVENT`. */
export const nameOf = ({ action }: { readonly action: string | null }): string => action ?? RUN_EVENT

/** Whether the patterns want events of runs, which retention deletes. */
export const wantsRunEvents = (patterns: readonly string[]): boolean => matches(patterns, RUN_EVENT)
