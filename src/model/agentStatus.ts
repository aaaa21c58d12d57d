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
