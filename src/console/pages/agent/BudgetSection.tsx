import type { ReactNode } from 'react'
import type { AgentDetail } from '../../agentParts/reads.ts'
import type { BudgetPolicy } from '../../api/types.ts'
import { PolicyLine } from '../../budgetParts/PolicyLine.tsx'
import { useBudgets } from '../../budgetParts/reads.ts'
import { isOpenStop } from '../../budgetParts/words.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { Status } from '../../parts/Status.tsx'
import { Link } from '../../router/Link.tsx'

/** The budgets that limit an agent: its own, and those of the company. */
export function BudgetSection({ agent }: { readonly agent: AgentDetail }): ReactNode {
  const pathOf = useCompanyPath()
  const overview = useBudgets(agent.companyId).data?.data
  if (overview === undefined) return null
  const policies = overview.policies.filter(({ isActive }) => isActive)
  const own = policies.filter(({ scopeType, scopeId }) => scopeType === 'agent' && scopeId === agent.id)
  const company = policies.filter(({ scopeType }) => scopeType === 'company')
  const stop = overview.activeIncidents.find(
    (incident) => isOpenStop(incident) && (incident.scopeType === 'company' || incident.scopeId === agent.id),
  )
  return (
    <section className="card agent-budgets" aria-labelledby="budget">
      <h2 id="budget">Budget</h2>
      {stop !== undefined && (
        <p>
          <Status of="hard_stop" tone="bad" words="stopped" /> <Link to={pathOf(`budgets?incident=${stop.id}`)}>Answer the incident</Link>
        </p>
      )}
      {own.length === 0 && <p className="soft">It has no budget of its own.</p>}
      <Lines policies={own} />
      {company.length > 0 && (
        <>
          <h3>Of the company</h3>
          <Lines policies={company} />
        </>
      )}
      <p>
        <Link to={pathOf('budgets')}>All budgets</Link>
      </p>
    </section>
  )
}

const Lines = ({ policies }: { readonly policies: readonly BudgetPolicy[] }): ReactNode =>
  policies.map((policy) => <PolicyLine key={policy.policyId} policy={policy} />)
