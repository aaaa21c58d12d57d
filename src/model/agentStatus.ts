import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { RefusalCode } from '../platform/kernel/errors.ts'
import { stateMachine } from '../platform/kernel/stateMachine.ts'

export const agentStatus = stateMachine('agent', {
  pending_approval: ['idle', 'terminated'],
  idle: ['active', 'running', 'paused', 'error', 'terminated'],
  active: ['idle', 'running', 'paused', 'error', 'terminated'],
  running: ['idle', 'active', 'paused', 'error', 'terminated'],
  error: ['idle', 'active', 'running', 'paused', 'terminated'],
  paused: ['idle', 'terminated'],
  terminated: [],
})
export type AgentStatus = (typeof agentStatus.statuses)[number]

/** Statuses in which an agent may hold an issue or start a run. */
export const invokableStatuses: readonly AgentStatus[] = ['idle', 'active', 'running', 'error']

/** Whether an agent may hold an issue or start a run. */
export const isInvokable = (status: AgentStatus): boolean => invokableStatuses.includes(status)

/** The `pauseReason` of an agent in quarantine: clients of Paperclip's API know the status `paused`. */
export const QUARANTINE = 'quarantine'

/** Whether an agent is in quarantine: nothing but its release ends it, and until then it gets no credential. */
export const isQuarantined = (agent: { readonly status: AgentStatus; readonly pauseReason: string | null }): boolean =>
  agent.status === 'paused' && agent.pauseReason === QUARANTINE

/** `isQuarantined` in SQL. @param alias of the table `agents` in the statement */
export const isQuarantinedSql = (alias: string): SQL =>
  sql.raw(`(${alias}.status = 'paused' and ${alias}.pause_reason is not distinct from '${QUARANTINE}')`)

/** The refusal of an agent's writes by its status; null lets it write. No status refuses a read. */
export const agentWriteRefusals: Readonly<Record<AgentStatus, RefusalCode | null>> = {
  pending_approval: 'agent_pending',
  idle: null,
  active: null,
  running: null,
  error: null,
  paused: 'agent_paused',
  terminated: 'agent_terminated',
}

/** `isInvokable` in SQL. @param alias of the table `agents` in the statement */
export const isInvokableSql = (alias: string): SQL =>
  sql.raw(`(${alias}.status in (${invokableStatuses.map((status) => `'${status}'`).join(', ')}))`)

export const agentRoles = [
  'ceo',
  'cto',
  'cmo',
  'cfo',
  'engineer',
  'designer',
  'pm',
  'qa',
  'devops',
  'researcher',
  'general',
  'security',
] as const
export type AgentRole = (typeof agentRoles)[number]
