import type { ReactNode } from 'react'
import type { BudgetPolicy } from '../api/types.ts'
import { Meter } from '../parts/Meter.tsx'
import { formatCents } from '../parts/money.ts'
import { Status } from '../parts/Status.tsx'
import { policyState, windowWords } from './words.ts'

/** The state of a policy: the part that is spent as a bar, and a word. */
export function PolicyState({ policy }: { readonly policy: BudgetPolicy }): ReactNode {
  const { words, tone, bar } = policyState(policy)
  return (
    <span className="policy-state">
      {policy.isActive && <Meter percent={policy.utilizationPercent} tone={bar} />} <Status of={policy.status} tone={tone} words={words} />
    </span>
  )
}

/** A policy in a few lines, where its scope is known from the place. */
export function PolicyLine({ policy }: { readonly policy: BudgetPolicy }): ReactNode {
  const { amount, observedAmount, reservedAmount, remainingAmount, windowKind } = policy
  return (
    <div className="policy-line">
      <p>
        {formatCents(observedAmount)} <span className="soft">of</span> {formatCents(amount)}{' '}
        <span className="soft">{windowKind === 'lifetime' ? 'for its lifetime' : windowWords(windowKind)}</span>
      </p>
      <PolicyState policy={policy} />
      <p className="soft">
        {formatCents(remainingAmount)} left{reservedAmount > 0 && `, ${formatCents(reservedAmount)} reserved by runs`}
      </p>
    </div>
  )
}
