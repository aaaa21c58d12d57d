// Whether an agent may write: its own status and that of its company decide (threats T6).

import { sql } from 'drizzle-orm'
import { agents } from '../model/agents.ts'
import { agentWriteRefusals } from '../model/agentStatus.ts'
import type { AgentStatus } from '../model/agentStatus.ts'
import { companies } from '../model/companies.ts'
import { companyWriteRefusals } from '../model/companyStatus.ts'
import type { CompanyStatus } from '../model/companyStatus.ts'
import { param, statement } from '../platform/db/statement.ts'
import type { ReadDb, Tx } from '../platform/db/types.ts'
import type { Actor, AgentActor } from '../platform/kernel/actor.ts'
import { refuse } from '../platform/kernel/errors.ts'

/** The statuses that decide whether an agent may write. */
export interface WriteStatus {
  readonly agentStatus: AgentStatus
  readonly companyStatus: CompanyStatus
}

/** Refuses an agent that may not write. @throws Refusal `agent_paused`, `agent_pending`, `agent_terminated`, `company_not_active` */
export function requireMayWrite({ agentStatus, companyStatus }: WriteStatus): void {
  const ofAgent = agentWriteRefusals[agentStatus]
  if (ofAgent !== null) refuse(ofAgent, { details: { status: agentStatus, retryable: false, next: 'ask_board' } })
  const ofCompany = companyWriteRefusals[companyStatus]
  if (ofCompany !== null) refuse(ofCompany, { details: { companyStatus, retryable: false, next: 'ask_board' } })
}

/** Refuses an agent that asks for itself, by its own locked row, before the rules that everybody obeys. @throws as `requireMayWrite` */
export function requireOwnMayWrite(actor: Actor, agent: { readonly status: AgentStatus }): void {
  if (actor.kind === 'agent') requireMayWrite({ agentStatus: agent.status, companyStatus: 'active' })
}

interface Ids {
  readonly agentId: string
  readonly companyId: string
}

const selectStatuses = statement<Ids, WriteStatus>('agent_may_write').read(sql`
  select a.status as "agentStatus", c.status as "companyStatus" from ${agents} a join ${companies} c on c.id = a.company_id
  where a.id = ${param('agentId')} and a.company_id = ${param('companyId')}`)

/** As `requireMayWrite`, by the present row. @throws Refusal `unauthorized` for an agent that was deleted */
export async function checkMayWrite(db: ReadDb | Tx, { agentId, companyId }: Ids): Promise<void> {
  const [found] = await db.run(selectStatuses, { agentId, companyId })
  requireMayWrite(found ?? refuse('unauthorized'))
}

const ADVISORY_CLASS = sql.raw('10')

const joinWriters = statement<Ids, object>('agent_join_writers').read(sql`
  select pg_advisory_xact_lock_shared(hashtextextended(${param('agentId')}, ${ADVISORY_CLASS})),
    pg_advisory_xact_lock_shared(hashtextextended(${param('companyId')}, ${ADVISORY_CLASS}))`)

const excludeWriters = statement<{ id: string }, object>('agent_exclude_writers').read(
  sql`select pg_advisory_xact_lock(hashtextextended(${param('id')}, ${ADVISORY_CLASS}))`,
)

/**
 * (tx) Waits until no write is in progress that an agent makes with its key alone, and keeps new ones waiting until the
 * commit. A change of status calls it before its first row lock. Then none of the agent's writes commits after it.
 * @param id of the agent, or of the company for all of its agents
 */
export const awaitWriters = async (tx: Tx, id: string): Promise<void> => void (await tx.run(excludeWriters, { id }))

/** Admits the writes of one caller; `mutate` calls it in the transaction that writes. */
export type Admission = (tx: Tx) => Promise<void>

/**
 * The admission of a caller, or null for one that needs none. A write that names a run is decided by the run
 * (`assertRunLive`): whatever stops an agent ends its runs under their row locks. A key alone has no run to lock, so its
 * writes share an advisory lock that a change of status takes alone. Lock and look-up are two statements, because the look-up
 * must begin after the wait; both are sent ahead of the body's first statement and cost no round trip.
 */
export function admissionOf(actor: Actor): Admission | null {
  if (actor.kind !== 'agent' || actor.runId !== null) return null
  return (tx) => admitKey(tx, actor)
}

async function admitKey(tx: Tx, actor: AgentActor): Promise<void> {
  await Promise.all([tx.run(joinWriters, actor), checkMayWrite(tx, actor)])
}
