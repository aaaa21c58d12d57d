import type { ReactNode } from 'react'
import type { Agent } from '../api/types.ts'
import { formatCents } from '../parts/money.ts'
import { isOverBudget } from './agentState.ts'

/** The amount that an agent has spent this month, of its budget where it has one. */
export function Budget({
  agent,
}: {
  readonly agent: Pick<Agent, 'budgetMonthlyCents' | 'spentMonthlyCents' | 'status' | 'pauseReason'>
}): ReactNode {
  const { budgetMonthlyCents: budget, spentMonthlyCents: spent } = agent
  if (budget === 0) return <span>{formatCents(spent)}</span>
  return (
    <span className="budget">
      <span>
        {formatCents(spent)} <span className="soft">of {formatCents(budget)}</span>
      </span>
      <span className={`budget-bar ${isOverBudget(agent) ? 'over' : ''}`} aria-hidden="true">
        <span style={{ width: `${Math.min(100, (spent / budget) * 100)}%` }} />
      </span>
    </span>
  )
}
