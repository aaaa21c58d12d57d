// The talk of a test process with the host of its servers: lines of JSON on a socket in a folder of their account.

/** The place at which a server is to die: between two points of work of this kind. */
export interface CrashPlace {
  readonly first: string
  readonly second: string
  readonly of: string | null
}

/** The calls of the host, with what they take and give. */
export interface Calls {
  create: {
    takes: { readonly settings: Readonly<Record<string, string>> }
    gives: { readonly server: string; readonly url: string; readonly boardToken: string }
  }
  close: { takes: OfServer; gives: null }
  kill: { takes: OfServer; gives: null }
  now: { takes: OfServer; gives: string }
  advance: { takes: OfServer & { readonly ms: number }; gives: string }
  /** Arms a crash, in place of one that is armed. */
  crash: { takes: OfServer & CrashPlace & { readonly crash: string }; gives: null }
  disarm: { takes: OfServer; gives: null }
  trace: { takes: OfServer & { readonly trace: string; readonly of: string | null }; gives: null }
  /** Ends a trace. */
  points: { takes: OfServer & { readonly trace: string }; gives: readonly string[] }
  loseHeartbeats: { takes: OfServer & { readonly runId: string }; gives: null }
  /** Lets heartbeats pass again. @returns how many were lost */
  passHeartbeats: { takes: OfServer & { readonly runId: string }; gives: number }
  orphanHolds: { takes: OfServer; gives: readonly OrphanHold[] }
  audits: { takes: OfServer & { readonly entityId: string }; gives: readonly AuditRow[] }
  holder: { takes: OfServer & { readonly issueId: string }; gives: Holder | null }
}

interface OfServer {
  readonly server: string
}

/** An issue that names a run which does not hold it any more. */
export interface OrphanHold {
  readonly issueId: string
  readonly identifier: string
  readonly runId: string
  /** `ended`: the run has ended. `expired`: its lease is over, and no task has ended it yet. */
  readonly because: 'ended' | 'expired'
}

/** An audit row, with the fields that a test compares. */
export interface AuditRow {
  readonly action: string
  readonly actorType: string
  readonly actorId: string
  readonly agentId: string | null
  readonly runId: string | null
  readonly details: Readonly<Record<string, unknown>> | null
  readonly createdAt: string
}

/** The run that an issue names as its holder, dead or live. */
export interface Holder {
  readonly runId: string
  readonly agentId: string
  readonly isLive: boolean
}

export type Method = keyof Calls

/** A line of the test process. */
export interface Call {
  readonly id: number
  readonly method: Method
  readonly params: unknown
}

/** A line of the host: the answer to a call, or the news that a crash has happened and the successor answers. */
export type HostLine =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string }
  | { readonly crashed: string; readonly error: string | null }

/** The line by which a host says on standard output how its start went. */
export type StartLine = { readonly ready: true } | { readonly problem: string }

/** The file by which other processes of the same tree find a host. */
export interface Pointer {
  readonly pid: number
  readonly socket: string
}

/** Splits a stream into lines, and gives each whole one. */
export function lineReader(onLine: (line: string) => void): (chunk: Buffer | string) => void {
  let rest = ''
  return (chunk) => {
    const parts = (rest + chunk.toString()).split('\n')
    rest = parts.pop() ?? ''
    for (const part of parts) if (part !== '') onLine(part)
  }
}
