import { useState } from 'react'
import type { ReactNode } from 'react'
import type { BudgetIncident, BudgetPolicy } from '../../api/types.ts'
import { incidentTitle, isOpenStop, scopePage } from '../../budgetParts/words.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { formatCents } from '../../parts/money.ts'
import { Status } from '../../parts/Status.tsx'
import { Time } from '../../parts/Time.tsx'
import { usePlace } from '../../router/location.ts'
import { Link } from '../../router/Link.tsx'
import { KeepDialog } from './KeepDialog.tsx'
import { RaiseDialog } from './RaiseDialog.tsx'
import { StopFacts } from './StopFacts.tsx'

interface IncidentsProps {
  readonly incidents: readonly BudgetIncident[]
  readonly policies: readonly BudgetPolicy[]
  /** Opens the form of a policy. */
  readonly onChange: (policy: BudgetPolicy) => void
}

/** The crossed thresholds that are not answered: the stops first, then the warnings, which stop nothing. */
export function Incidents({ incidents, policies, onChange }: IncidentsProps): ReactNode {
  const policyOf = ({ policyId }: BudgetIncident): BudgetPolicy | undefined => policies.find((policy) => policy.policyId === policyId)
  const stops = incidents.filter(isOpenStop)
  // A budget that has stopped its work had warned before: "nothing is stopped" is not true of it any more, also when it was decided to keep the stop.
  const stopped = new Set([...stops, ...policies.filter(({ status }) => status === 'hard_stop')].map(({ policyId }) => policyId))
  const warnings = incidents.filter(
    ({ thresholdType, status, policyId }) => thresholdType === 'soft' && status === 'open' && !stopped.has(policyId),
  )
  return (
    <>
      {stops.length > 0 && (
        <section className="budget-stops" aria-labelledby="stops">
          <h2 id="stops">Stopped</h2>
          {stops.map((incident) => (
            <Stop key={incident.id} incident={incident} policy={policyOf(incident)} />
          ))}
        </section>
      )}
      {warnings.length > 0 && (
        <section className="budget-warnings" aria-labelledby="warnings">
          <h2 id="warnings">Warnings</h2>
          <ul>
            {warnings.map((incident) => (
              <Warning key={incident.id} incident={incident} policy={policyOf(incident)} onChange={onChange} />
            ))}
          </ul>
        </section>
      )}
    </>
  )
}

interface StopProps {
  readonly incident: BudgetIncident
  readonly policy: BudgetPolicy | undefined
}

function Stop({ incident, policy }: StopProps): ReactNode {
  const [open, setOpen] = useState<'raise' | 'keep' | null>(null)
  const pathOf = useCompanyPath()
  const isWanted = usePlace().query.get('incident') === incident.id
  const page = scopePage(incident)
  const onClose = (): void => setOpen(null)
  const spent = policy?.observedAmount ?? incident.amountObserved
  return (
    <article
      className={`card budget-stop ${isWanted ? 'wanted' : ''}`}
      aria-label={incidentTitle(incident)}
      aria-current={isWanted ? 'true' : undefined}
    >
      <header className="section-head">
        <h3>
          <Status of="hard_stop" tone="bad" words={incidentTitle(incident)} />
        </h3>
        <div className="row">
          <button type="button" onClick={() => setOpen('raise')}>
            Raise and resume
          </button>
          <button type="button" className="secondary" onClick={() => setOpen('keep')}>
            Keep paused
          </button>
        </div>
      </header>
      <StopFacts incident={incident} spentCents={spent} />
      {page !== null && (
        <p>
          <Link to={pathOf(page)}>Open {incident.scopeName}</Link>
        </p>
      )}
      {open === 'raise' && <RaiseDialog incident={incident} spentCents={spent} onClose={onClose} />}
      {open === 'keep' && <KeepDialog incident={incident} onClose={onClose} />}
    </article>
  )
}

function Warning({ incident, policy, onChange }: StopProps & Pick<IncidentsProps, 'onChange'>): ReactNode {
  return (
    <li>
      <Status of="warning" tone="warn" words={incidentTitle(incident)} />
      <span>
        {formatCents(policy?.observedAmount ?? incident.amountObserved)} of {formatCents(incident.amountLimit)}. Nothing is stopped.{' '}
        <span className="soft">
          <Time at={incident.createdAt} />
        </span>
      </span>
      {policy !== undefined && (
        <button type="button" className="secondary" onClick={() => onChange(policy)}>
          Change the budget<span className="hidden"> of {incident.scopeName}</span>
        </button>
      )}
    </li>
  )
}
