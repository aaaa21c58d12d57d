import { AssertionError } from 'node:assert'
import { isDeepStrictEqual } from 'node:util'
import { setTimeout as sleep } from 'node:timers/promises'
import type { HostConnection } from './link/hostConnection.ts'
import type { AuditRow } from './protocol.ts'

/** A thing by its id, or as the object that the server answered. */
export type Ref = string | { readonly id: string }

export const idOf = (thing: Ref): string => (typeof thing === 'string' ? thing : thing.id)

/** How long an assertion may take to become true; it must be true at once unless given. */
export interface Within {
  /** In milliseconds. */
  readonly within?: number
}

/** The fields that an audit row must have. Of `details` only the named fields are compared. */
export interface AuditFields {
  readonly agentId?: string | null
  readonly runId?: string | null
  readonly actorType?: 'agent' | 'user' | 'system'
  readonly details?: Readonly<Record<string, unknown>>
}

/** Whether something is so, and the sentence that says why not, or that it is so. */
export interface Finding {
  readonly pass: boolean
  readonly message: string
}

/** Looks at the state of a server, as findings and as assertions. */
export interface Asserts {
  readonly findHeldBy: (issue: Ref, holder: Ref | null, options?: Within) => Promise<Finding>
  readonly findAudit: (thing: Ref, action: string, fields?: AuditFields & Within) => Promise<Finding>
  /** Asserts that a live run holds an issue: this run, or one of this agent; null that none does. @throws AssertionError */
  assertHeldBy(issue: Ref, holder: Ref | null, options?: Within): Promise<void>
  /** Asserts that an audit row of a thing has this action and these fields. @throws AssertionError with the rows that are there */
  assertAudit(thing: Ref, action: string, fields?: AuditFields & Within): Promise<void>
  /** Asserts that no issue names a run that has ended or whose lease is over. @throws AssertionError that names the issues */
  assertNoOrphanHolds(options?: Within): Promise<void>
}

const POLL_MS = 10

async function becomes(look: () => Promise<Finding>, { within = 0 }: Within): Promise<Finding> {
  const deadline = performance.now() + within
  for (;;) {
    const finding = await look()
    if (finding.pass || performance.now() >= deadline) return finding
    await sleep(POLL_MS)
  }
}

function matches(row: AuditRow, { agentId, runId, actorType, details = {} }: AuditFields): boolean {
  if (agentId !== undefined && row.agentId !== agentId) return false
  if (runId !== undefined && row.runId !== runId) return false
  if (actorType !== undefined && row.actorType !== actorType) return false
  return Object.entries(details).every(([name, value]) => isDeepStrictEqual(row.details?.[name], value))
}

const sentenceOf = ({ action, actorType, agentId, runId, details }: AuditRow): string =>
  `  ${action} by ${actorType}${agentId === null ? '' : ` ${agentId}`}${runId === null ? '' : ` in run ${runId}`} ${JSON.stringify(details ?? {})}`

const insist = ({ pass, message }: Finding): void => {
  if (!pass) throw new AssertionError({ message })
}

/** The assertions of one server. @param server its name at the host */
export function createAsserts(host: HostConnection, server: string): Asserts {
  const heldBy = async (issueId: string, holderId: string | null): Promise<Finding> => {
    const holder = await host.call('holder', { server, issueId })
    if (holder === null) return { pass: holderId === null, message: `No run holds the issue ${issueId}` }
    const state = holder.isLive ? 'which is live' : 'which is not live'
    const message = `The issue ${issueId} names the run ${holder.runId} of the agent ${holder.agentId}, ${state}`
    if (holderId === null) return { pass: !holder.isLive, message }
    return { pass: holder.isLive && [holder.runId, holder.agentId].includes(holderId), message: `${message}; expected ${holderId}` }
  }
  const audited = async (entityId: string, action: string, fields: AuditFields): Promise<Finding> => {
    const rows = await host.call('audits', { server, entityId })
    const pass = rows.some((row) => row.action === action && matches(row, fields))
    const known = rows.length === 0 ? '  none' : rows.map(sentenceOf).join('\n')
    return {
      pass,
      message: `An audit row ${action} of ${entityId} ${pass ? 'is there' : 'with these fields is missing'}; the rows are\n${known}`,
    }
  }
  const orphans = async (): Promise<Finding> => {
    const found = await host.call('orphanHolds', { server })
    const lines = found.map(
      ({ identifier, runId, because }) =>
        `  ${identifier} names the run ${runId}, ${because === 'ended' ? 'which has ended' : 'whose lease is over'}`,
    )
    return { pass: found.length === 0, message: `Issues name runs that do not hold them any more:\n${lines.join('\n')}` }
  }
  const findHeldBy: Asserts['findHeldBy'] = (issue, holder, options = {}) =>
    becomes(() => heldBy(idOf(issue), holder === null ? null : idOf(holder)), options)
  const findAudit: Asserts['findAudit'] = (thing, action, fields = {}) => becomes(() => audited(idOf(thing), action, fields), fields)
  return {
    findHeldBy,
    findAudit,
    assertHeldBy: async (issue, holder, options) => insist(await findHeldBy(issue, holder, options)),
    assertAudit: async (thing, action, fields) => insist(await findAudit(thing, action, fields)),
    assertNoOrphanHolds: async (options = {}) => insist(await becomes(orphans, options)),
  }
}
