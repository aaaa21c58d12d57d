// The state of an agent in words, and the reason for it.

import type { Activity, Agent } from '../api/types.ts'
import type { Tone } from '../parts/Status.tsx'

type Facts = Pick<Agent, 'status' | 'pauseReason' | 'budgetMonthlyCents' | 'spentMonthlyCents'>

/** Whether nothing but its release lets the agent work again. */
export const isQuarantined = ({ status, pauseReason }: Pick<Agent, 'status' | 'pauseReason'>): boolean =>
  status === 'paused' && pauseReason === 'quarantine'

/** Whether the agent has spent its monthly budget. A budget of 0 is no limit. */
export const isOverBudget = ({ budgetMonthlyCents, spentMonthlyCents }: Facts): boolean =>
  budgetMonthlyCents > 0 && spentMonthlyCents >= budgetMonthlyCents

/** Whether a run of the agent may start. */
export const mayRun = ({ status }: Pick<Agent, 'status'>): boolean => !['paused', 'terminated', 'pending_approval'].includes(status)

export interface AgentState {
  /** For `Status`. */
  readonly of: string
  readonly words: string
  readonly tone?: Tone
  /** The place of the state in a list that has those first that need a person. */
  readonly rank: number
}

const ranks: Readonly<Record<string, number>> = { error: 0, pending_approval: 3, paused: 4, running: 5, active: 6, idle: 7, terminated: 8 }

/** The state of an agent as a word, with the states that its status does not name. */
export function stateOf(agent: Facts): AgentState {
  const { status } = agent
  if (isQuarantined(agent)) return { of: 'quarantined', words: 'quarantined', tone: 'bad', rank: 1 }
  if (isOverBudget(agent) && mayRun(agent)) return { of: 'budget', words: 'budget spent', tone: 'warn', rank: 2 }
  return { of: status, words: status.replaceAll('_', ' '), rank: ranks[status] ?? 9 }
}

/** The acts after which an agent does not work, or works again; the newest of an agent explains its state. */
export const STATE_ACTS = 'agent.paused,agent.quarantined,agent.quarantine_released,agent.start_failed,agent.terminated,agent.resumed'

const textIn = (row: Activity | undefined, name: string): string | null => {
  const value = row?.details?.[name]
  return typeof value === 'string' && value !== '' ? value : null
}

/** The statuses that an act of `STATE_ACTS` leads to. */
const leadsTo: Readonly<Record<string, string>> = {
  'agent.paused': 'paused',
  'agent.quarantined': 'paused',
  'agent.quarantine_released': 'paused',
  'agent.start_failed': 'error',
  'agent.terminated': 'terminated',
}

/** The row that explains the present state. @param rows acts of `STATE_ACTS` about this agent, newest first */
export const explaining = ({ status }: Pick<Agent, 'status'>, rows: readonly Activity[]): Activity | undefined =>
  rows[0] !== undefined && leadsTo[rows[0].action] === status ? rows[0] : undefined

/** Why an agent does not work, in one sentence; null where it works, or where no reason is known. @param act the row that explains it */
export function whyOf(agent: Facts, act: Activity | undefined): string | null {
  if (agent.status === 'pending_approval') return 'Its hire waits for an approval'
  if (agent.status === 'error') return textIn(act, 'error') ?? textIn(act, 'errorCode') ?? 'Its last run could not be started'
  if (agent.status === 'paused') {
    if (act?.action === 'agent.quarantine_released') return 'Released from quarantine, and not resumed yet'
    if (agent.pauseReason === 'budget') return 'A budget is spent, and stopped it'
    return textIn(act, 'reason') ?? (agent.pauseReason === 'manual' || agent.pauseReason === null ? null : agent.pauseReason)
  }
  if (agent.status === 'terminated') return textIn(act, 'reason')
  return isOverBudget(agent) ? 'Its budget of this month is spent' : null
}
