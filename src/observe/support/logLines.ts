// The part of a log that may leave the host: facts that this program writes by itself. Pure.

/** Facts whose texts are ids, codes, names of this program or of a setting. */
const namesOfFacts: ReadonlySet<string> = new Set([
  'requestId',
  'traceId',
  'route',
  'actor',
  'agentId',
  'runId',
  'companyId',
  'issueId',
  'webhookId',
  'code',
  'permission',
  'duty',
  'cause',
  'signal',
  'version',
  'database',
  'agentIsolation',
  'quota',
  'scope',
  'place',
  'variable',
  'difference',
  'where',
  'problem',
  'sampler',
])

/** An id, a code, a template of a path: nothing that a person would write. */
const isPlainFact = (text: string): boolean => /^[\w.:/{}*-]{1,160}$/.test(text)

const LEFT_OUT = '(left out)'

/** An error without its message, which may quote what a person or an agent wrote. */
function cleanError(error: unknown, depth = 0): unknown {
  if (typeof error !== 'object' || error === null || depth > 4) return LEFT_OUT
  const { type, code, constraint, frames, cause } = error as Record<string, unknown>
  const texts = Object.entries({ type, code, constraint }).filter(([, value]) => typeof value === 'string' && isPlainFact(value))
  const places = Array.isArray(frames)
    ? frames.filter((frame): frame is string => typeof frame === 'string' && frame.startsWith('at '))
    : []
  return { ...Object.fromEntries(texts), frames: places, ...(cause === undefined ? {} : { cause: cleanError(cause, depth + 1) }) }
}

function cleanFact(name: string, value: unknown): unknown {
  if (name === 'err') return cleanError(value)
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value
  return typeof value === 'string' && namesOfFacts.has(name) && isPlainFact(value) ? value : LEFT_OUT
}

const FATAL = 60

/**
 * A line of the log with what may leave the host.
 * @returns null for a line that this program did not write as JSON
 */
export function cleanLogLine(line: string): string | null {
  let read: unknown
  try {
    read = JSON.parse(line)
  } catch {
    return null
  }
  if (typeof read !== 'object' || read === null || Array.isArray(read)) return null
  const { level, time, msg, ...facts } = read as Record<string, unknown>
  if (typeof level !== 'number' || typeof msg !== 'string') return null
  // The text of a line is one of this program, but for the last words of a process: then it may be the message of an error.
  const text = level === FATAL && 'err' in facts ? LEFT_OUT : msg
  const cleaned = Object.entries(facts).map(([name, value]) => [name, cleanFact(name, value)] as const)
  return JSON.stringify({ level, time: typeof time === 'number' ? time : null, msg: text, ...Object.fromEntries(cleaned) })
}

/** The beginnings of the messages of Postgres about itself. Messages about statements quote them, and are not in this list. */
const ofPostgresItself =
  /^(?:starting PostgreSQL|listening on|database system|checkpoint |restartpoint |received (?:fast|smart|immediate) shutdown|received SIGHUP|aborting any active|shutting down|terminating (?:connection|any other)|redo |consistent recovery|recovery |restored log file|selected new timeline|archive recovery|archive command|could not (?:write|fsync|extend|open|create|fork|bind|receive|send|load)|out of (?:memory|shared memory)|no space left|server process|all server processes|background worker|sorry, too many|remaining connection slots|the database system is|lock file|too many (?:open files|connections)|invalid (?:record length|page|checkpoint)|incorrect checksum|PANIC|parameter |unexpected pageaddr|password authentication failed|no pg_hba\.conf entry|connection (?:received|authorized))/

const postgresLine = /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? \w+ \[\d+\]) ([A-Z]+\d?): +(.*)$/

/**
 * A line of the log of Postgres with what may leave the host: what Postgres says about itself, without what it quotes.
 * @returns null for every other line: details, statements, and errors of statements
 */
export function cleanPostgresLine(line: string): string | null {
  const [, when, severity, message = ''] = postgresLine.exec(line) ?? []
  if (when === undefined || severity === undefined || !['LOG', 'WARNING', 'FATAL', 'PANIC'].includes(severity)) return null
  return ofPostgresItself.test(message) ? `${when} ${severity}: ${message.replaceAll(/"[^"]*"?/g, '"…"')}` : null
}

/** The newest lines, cleaned, and how many of those that were looked at cannot leave the host. */
export interface CleanedLines {
  readonly lines: readonly string[]
  readonly leftOut: number
}

/** Cleans the newest lines of a text. @param clean as `cleanLogLine` */
export function cleanNewest(text: string, most: number, clean: (line: string) => string | null): CleanedLines {
  const newest = text
    .split('\n')
    .filter((line) => line !== '')
    .slice(-most)
  const lines = newest.map(clean).filter((line) => line !== null)
  return { lines, leftOut: newest.length - lines.length }
}
