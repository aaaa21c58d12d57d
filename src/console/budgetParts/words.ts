// Budgets in words.

import type { BudgetIncident, BudgetPolicy } from '../api/types.ts'
import type { Tone } from '../parts/Status.tsx'

type Scoped = Pick<BudgetPolicy, 'scopeType' | 'scopeName'>

/** The one that a budget limits: "Grace", "The company", "The project Wiki". */
export const scopeWords = ({ scopeType, scopeName }: Scoped): string =>
  scopeType === 'company' ? 'The company' : scopeType === 'project' ? `The project ${scopeName}` : scopeName

/** `scopeWords` inside of a sentence. */
export const scopeInside = (of: Scoped): string => scopeWords(of).replace(/^The /, 'the ')

/** The page of the scope, below the company; null for the company itself. */
export const scopePage = ({ scopeType, scopeId }: Pick<BudgetPolicy, 'scopeType' | 'scopeId'>): string | null =>
  scopeType === 'company' ? null : `${scopeType}s/${scopeId}`

/** The time that a budget counts. */
export const windowWords = (kind: BudgetPolicy['windowKind']): string => (kind === 'lifetime' ? 'lifetime' : 'a month')

/** The state of a policy as a sign and a word. */
export function policyState(policy: Pick<BudgetPolicy, 'isActive' | 'status' | 'hardStopEnabled' | 'utilizationPercent'>): {
  readonly words: string
  readonly tone: Tone
  /** The colour of its bar. */
  readonly bar: 'busy' | 'warn' | 'bad'
} {
  if (!policy.isActive) return { words: 'off', tone: 'quiet', bar: 'busy' }
  if (policy.status === 'hard_stop') return { words: 'stopped', tone: 'bad', bar: 'bad' }
  if (policy.status === 'ok') return { words: 'ok', tone: 'good', bar: 'busy' }
  const isOver = !policy.hardStopEnabled && policy.utilizationPercent >= 100
  return { words: isOver ? 'warning: over the limit' : 'warning', tone: 'warn', bar: 'warn' }
}

/** Whether an incident is an order to stop that no person has answered. */
export const isOpenStop = ({ thresholdType, status }: Pick<BudgetIncident, 'thresholdType' | 'status'>): boolean =>
  thresholdType === 'hard' && status === 'open'

/** An incident in a few words. */
export const incidentTitle = (incident: Scoped & Pick<BudgetIncident, 'thresholdType'>): string =>
  incident.thresholdType === 'hard'
    ? `${scopeWords(incident)} is stopped by its budget`
    : `${scopeWords(incident)} has spent most of its budget`
