import type { ReactNode } from 'react'
import { ActLine } from '../../agentParts/Meanwhile.tsx'
import { explaining, isOverBudget, isQuarantined, mayRun, whyOf } from '../../agentParts/agentState.ts'
import { AgentStatus } from '../../agentParts/AgentStatus.tsx'
import { useStateActs } from '../../agentParts/reads.ts'
import { useRead } from '../../api/reads.ts'
import type { Activity, Agent, Approval } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { counted } from '../../parts/counted.ts'
import { formatCents } from '../../parts/money.ts'
import { Time } from '../../parts/Time.tsx'
import { Link } from '../../router/Link.tsx'
import { RunLink } from '../runs/links.tsx'
import { useQuarantine } from './data.ts'
import type { TabProps } from './tab.ts'

/** The state of an agent, the reason for it, and the act that changes it. */
export function StateCard({ agent, onOpen }: TabProps): ReactNode {
  const act = explaining(agent, useStateActs(agent.companyId, agent.id))
  // The sentence of the act repeats the reason; what a failed start says is shown alone.
  const isSentence = act !== undefined && agent.status !== 'error'
  const why = whyOf(agent, act)
  return (
    <section className={`card agent-state ${isCalm(agent) ? '' : 'attention'}`}>
      <h2>State</h2>
      <p className="agent-state-line">
        <AgentStatus agent={agent} />
        {!isSentence && why !== null && <span className="agent-why">{why}</span>}
        {act !== undefined && (
          <span className={isSentence ? 'agent-why' : 'soft'}>{isSentence ? <ActLine act={act} /> : <Time at={act.createdAt} />}</span>
        )}
      </p>
      <NextStep agent={agent} act={act} onOpen={onOpen} />
    </section>
  )
}

const isCalm = (agent: Agent): boolean => mayRun(agent) && agent.status !== 'error' && !isOverBudget(agent)

interface NextStepProps extends TabProps {
  readonly act: Activity | undefined
}

/** The next act in the state. */
function NextStep({ agent, act, onOpen }: NextStepProps): ReactNode {
  const pathOf = useCompanyPath()
  const button = (name: 'wake' | 'resume' | 'release', words: string): ReactNode => (
    <button type="button" className="secondary" onClick={() => onOpen(name)}>
      {words}
    </button>
  )
  if (agent.status === 'pending_approval') return <PendingHire agent={agent} />
  if (isQuarantined(agent)) return <Quarantine agent={agent} onOpen={onOpen} />
  if (agent.status === 'error') {
    const runId = act?.details?.['runId']
    return (
      <>
        <p>
          Its wakes wait until its configuration changes, or until a run that a person asks for starts.
          {typeof runId === 'string' && (
            <>
              {' '}
              The run that failed: <RunLink runId={runId} />.
            </>
          )}
        </p>
        <p className="row">
          <Link to={pathOf(`agents/${agent.urlKey}?tab=configuration`)} className="button secondary">
            Change the configuration
          </Link>
          {button('wake', 'Try again now')}
        </p>
      </>
    )
  }
  if (agent.status === 'paused' && agent.pauseReason === 'budget')
    return (
      <p className="row">
        <Link to={pathOf('budgets')} className="button secondary">
          Raise the budget
        </Link>
        {button('resume', 'Resume')}
      </p>
    )
  if (agent.status === 'paused') return <p className="row">{button('resume', 'Resume')}</p>
  if (agent.status === 'terminated') return <p>It never works again. Its history stays until it is deleted.</p>
  if (isOverBudget(agent))
    return (
      <p>
        It starts no run before the next month, or before it has a higher budget than {formatCents(agent.budgetMonthlyCents)}:{' '}
        <Link to={pathOf(`agents/${agent.urlKey}?tab=configuration`)}>change the budget</Link>.
      </p>
    )
  return <p className="soft">{agent.status === 'running' ? 'It is at work.' : 'It is ready: it runs when it is woken.'}</p>
}

function Quarantine({ agent, onOpen }: TabProps): ReactNode {
  const report = useQuarantine(agent, true).data?.data
  const ended = report?.quarantine
  return (
    <>
      {ended !== undefined && ended !== null && (
        <p>
          It ended {counted(ended.endedRunIds.length, 'run')}, {counted(ended.revokedKeyIds.length, 'key')} and{' '}
          {counted(ended.closedWakeIds.length, 'waiting wake')}. In the last 24 hours the agent made{' '}
          {counted(report?.changes.length ?? 0, 'change')} and asked for {counted(report?.approvals.length ?? 0, 'approval')}.
        </p>
      )}
      {report !== undefined && report.hosts.length > 0 && (
        <p>
          Hosts that its configuration names: <span className="mono">{report.hosts.join(', ')}</span>
        </p>
      )}
      <p className="row">
        <button type="button" className="secondary" onClick={() => onOpen('release')}>
          End the quarantine
        </button>
        <ActivityLink agent={agent} />
      </p>
    </>
  )
}

const ActivityLink = ({ agent }: { readonly agent: Agent }): ReactNode => {
  const pathOf = useCompanyPath()
  return <Link to={pathOf(`activity?agentId=${agent.id}`)}>What it did</Link>
}

/** Finds the approval that a hire waits for. */
function PendingHire({ agent }: { readonly agent: Agent }): ReactNode {
  const pathOf = useCompanyPath()
  const pending = useRead<Approval[]>(['approvals', agent.companyId, 'pending'], `/companies/${agent.companyId}/approvals`, {
    query: { status: 'pending', limit: 200 },
  }).data?.data
  const approval = pending?.find(({ type, payload }) => type === 'hire_agent' && payload['agentId'] === agent.id)
  if (approval === undefined) return <p>It can do nothing until its hire is approved.</p>
  return (
    <p>
      It can do nothing until its hire is approved: <Link to={pathOf(`approvals/${approval.id}`)}>decide now</Link>.
    </p>
  )
}
