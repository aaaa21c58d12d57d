import { useState } from 'react'
import type { ReactNode } from 'react'
import { Budget } from '../../agentParts/Budget.tsx'
import type { AgentDetail } from '../../agentParts/reads.ts'
import { inBackground } from '../../api/background.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { CheckField } from '../../parts/fields.tsx'
import { notify } from '../../parts/notices.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Link } from '../../router/Link.tsx'
import { usePermit } from './data.ts'

const sources: Readonly<Record<AgentDetail['access']['taskAssignSource'], string>> = {
  ceo_role: 'It may assign work because it is the CEO.',
  agent_creator: 'It may assign work because it may hire agents.',
  explicit_grant: 'It may assign work by a grant.',
  none: 'It may not assign work to others.',
}

/** The permissions of an agent beyond its role, and its budget. */
export function PermissionsTab({ agent }: { readonly agent: AgentDetail }): ReactNode {
  const pathOf = useCompanyPath()
  return (
    <div className="stack permissions">
      <section className="card">
        <h2>Permissions</h2>
        <PermissionsForm key={`${agent.permissions.canCreateAgents} ${agent.access.canAssignTasks}`} agent={agent} />
        {agent.access.grants.length > 0 && (
          <p className="soft">
            Grants: <span className="mono">{agent.access.grants.map(({ permissionKey }) => permissionKey).join(', ')}</span>
          </p>
        )}
      </section>
      <section className="card">
        <h2>Budget</h2>
        <p>
          <Budget agent={agent} />
          {agent.budgetMonthlyCents === 0 && <span className="soft"> this month, without a limit</span>}
        </p>
        <p>
          <Link to={pathOf(`agents/${agent.urlKey}?tab=configuration`)}>Change the budget</Link>
        </p>
      </section>
    </div>
  )
}

function PermissionsForm({ agent }: { readonly agent: AgentDetail }): ReactNode {
  const permit = usePermit(agent)
  const [mayHire, setMayHire] = useState(agent.permissions.canCreateAgents)
  const [mayAssign, setMayAssign] = useState(agent.access.canAssignTasks)
  const isForced = mayHire || agent.role === 'ceo'
  const isChanged = mayHire !== agent.permissions.canCreateAgents || (mayAssign || isForced) !== agent.access.canAssignTasks
  const save = async (): Promise<void> => {
    await permit.mutateAsync({ canCreateAgents: mayHire, canAssignTasks: mayAssign || isForced })
    notify(`The permissions of ${agent.name} are changed`)
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        inBackground(save())
      }}
    >
      <CheckField label="It may hire agents, and change names, roles and managers of others" value={mayHire} onChange={setMayHire} />
      <CheckField label="It may assign issues to other agents" value={mayAssign || isForced} onChange={setMayAssign} />
      <p className="soft">
        {isForced && !agent.access.canAssignTasks ? 'Who may hire may assign work as well.' : sources[agent.access.taskAssignSource]}
      </p>
      {permit.error !== null && <Problem problem={permit.error} />}
      <button type="submit" disabled={!isChanged || permit.isPending || agent.status === 'terminated'}>
        Save the permissions
      </button>
    </form>
  )
}
