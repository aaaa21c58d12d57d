import type { ReactNode } from 'react'
import type { BudgetTrial } from '../../api/types.ts'
import { formatCents } from '../../parts/money.ts'
import { Status } from '../../parts/Status.tsx'
import { formatNumber } from '../../parts/time.ts'
import { RunLink } from '../runs/links.tsx'

const counted = (value: number, one: string): string => `${formatNumber(value)} ${one}${value === 1 ? '' : 's'}`

/** The effect that a budget would have at this moment. */
export function Trial({ trial }: { readonly trial: BudgetTrial }): ReactNode {
  const { scopeName, observedAmount, reservedAmount, remainingAmount, wouldStop, wouldWarn, runIds, agentIds } = trial
  return (
    <section className="note" role="status" aria-label="Preview">
      <p>
        {scopeName} has spent {formatCents(observedAmount)} in the window so far
        {reservedAmount > 0 && `, and its runs have reserved ${formatCents(reservedAmount)}`}. {formatCents(Math.max(0, remainingAmount))}{' '}
        would be left.
      </p>
      {wouldStop ? (
        <>
          <p>
            <Status of="hard_stop" tone="bad" words="It would stop work now" />: {counted(runIds.length, 'run')} would be ended,{' '}
            {counted(agentIds.length, 'agent')} would be paused.
          </p>
          {runIds.length > 0 && (
            <ul className="trial-runs">
              {runIds.slice(0, MOST_RUNS).map((runId) => (
                <li key={runId}>
                  <RunLink runId={runId} />
                </li>
              ))}
            </ul>
          )}
        </>
      ) : (
        <p>
          {wouldWarn ? (
            <Status of="warning" tone="warn" words="It would warn at once, and stop nothing." />
          ) : (
            <Status of="ok" tone="good" words="It would stop nothing now." />
          )}
        </p>
      )}
    </section>
  )
}

/** Runs that are named; there may be more. */
const MOST_RUNS = 10
