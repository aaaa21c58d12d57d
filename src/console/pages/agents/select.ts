// Which agents the list shows, and in which order.

import { stateOf } from '../../agentParts/agentState.ts'
import type { AgentLine } from './data.ts'

/** The filters of the list by state. Their values are those of the API; those of a state that no status names are ours. */
export const stateFilters: readonly { readonly value: string; readonly label: string; readonly status: string }[] = [
  { value: 'attention', label: 'Need a person', status: 'error,paused,pending_approval,idle,active,running' },
  { value: 'running', label: 'Running', status: 'running' },
  { value: 'error', label: 'In error', status: 'error' },
  { value: 'paused', label: 'Paused', status: 'paused' },
  { value: 'pending_approval', label: 'Wait for approval', status: 'pending_approval' },
  { value: 'idle', label: 'Idle', status: 'idle,active' },
  { value: 'terminated', label: 'Terminated', status: 'terminated' },
]

/** The statuses that the API is asked for; empty for all but the terminated ones. */
export const statusOf = (state: string): string => stateFilters.find(({ value }) => value === state)?.status ?? ''

/** The lowest rank of an agent that needs no person. */
const CALM_RANK = 4

const orders: Readonly<Record<string, (line: AgentLine) => string | number>> = {
  name: ({ agent }) => agent.name.toLowerCase(),
  state: ({ agent }) => stateOf(agent).rank,
  heartbeat: ({ agent }) => -Date.parse(agent.lastHeartbeatAt ?? '1970-01-01'),
  spent: ({ agent }) => -agent.spentMonthlyCents,
}

const compare = (one: string | number, other: string | number): number => (one === other ? 0 : one < other ? -1 : 1)

const textOf = ({ agent }: AgentLine): string =>
  [agent.name, agent.title ?? '', agent.role, agent.urlKey, agent.adapterType].join(' ').toLowerCase()

export interface Selected {
  readonly words: string
  readonly state: string
  readonly sort: string
  readonly isDescending: boolean
}

/** The lines that fit the filters, in order; those that need a person first unless an order is chosen. */
export function selectLines(lines: readonly AgentLine[], { words, state, sort, isDescending }: Selected): AgentLine[] {
  const wanted = words
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
  const fitting = lines.filter((line) => {
    if (state === 'attention' && stateOf(line.agent).rank >= CALM_RANK) return false
    const text = textOf(line)
    return wanted.every((word) => text.includes(word))
  })
  const order = orders[sort] ?? orders['state']
  if (order === undefined) return fitting
  const sorted = fitting.toSorted((one, other) => compare(order(one), order(other)) || compare(one.agent.name, other.agent.name))
  return isDescending ? sorted.toReversed() : sorted
}
