import type { ReactNode } from 'react'
import { Budget } from '../../agentParts/Budget.tsx'
import { roleName } from '../../agentParts/identity.tsx'
import type { AgentDetail } from '../../agentParts/reads.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { DataTable } from '../../parts/DataTable.tsx'
import { Empty, Skeleton } from '../../parts/Empty.tsx'
import { Fact, Facts } from '../../parts/Facts.tsx'
import { formatCents } from '../../parts/money.ts'
import { formatNumber } from '../../parts/time.ts'
import { Time } from '../../parts/Time.tsx'
import { Link } from '../../router/Link.tsx'
import { columnsOf } from '../runs/columns.tsx'
import { useLastRuns, useRuntime } from './data.ts'
import { BudgetSection } from './BudgetSection.tsx'
import { EndSection } from './EndSection.tsx'
import { SessionsSection } from './SessionsSection.tsx'
import { StateCard } from './StateCard.tsx'
import type { TabProps } from './tab.ts'
import { WorkSections } from './WorkSections.tsx'

/** The state and the work of an agent at this moment. */
export function NowTab({ agent, onOpen }: TabProps): ReactNode {
  return (
    <div className="agent-now">
      <div className="agent-main">
        <StateCard agent={agent} onOpen={onOpen} />
        {agent.status !== 'terminated' && <WorkSections agent={agent} />}
        <LastRuns agent={agent} />
        <SessionsSection agent={agent} />
        <EndSection agent={agent} onOpen={onOpen} />
      </div>
      <div className="agent-beside">
        <AgentFacts agent={agent} />
        <BudgetSection agent={agent} />
      </div>
    </div>
  )
}

/** The columns of the last runs with their widths: the agent is that of the page, and the cost stands on the page of the run. */
const widths: Readonly<Record<string, string>> = {
  run: '92px',
  status: '22%',
  issue: '26%',
  started: '120px',
  duration: '110px',
  trigger: '110px',
  error: '20%',
}
const runColumns = columnsOf([]).flatMap((column) => {
  const width = widths[column.key]
  return width === undefined ? [] : [{ ...column, width }]
})

function LastRuns({ agent }: Pick<TabProps, 'agent'>): ReactNode {
  const pathOf = useCompanyPath()
  const read = useLastRuns(agent)
  const runs = read.data?.data
  return (
    <section>
      <h2>Last runs</h2>
      {runs === undefined && <Skeleton lines={3} />}
      {runs?.length === 0 && <Empty title="It has not run yet.">Assign an issue to it, or wake it.</Empty>}
      {runs !== undefined && runs.length > 0 && (
        <>
          <DataTable name="Last runs" rows={runs} columns={runColumns} keyOf={({ id }) => id} narrowWidth="400px" />
          <p>
            <Link to={pathOf(`runs?agent=${agent.id}`)}>All runs of {agent.name}</Link>
          </p>
        </>
      )}
    </section>
  )
}

const heartbeatOf = ({ runtimeConfig }: AgentDetail): Readonly<Record<string, unknown>> =>
  (runtimeConfig['heartbeat'] as Readonly<Record<string, unknown>> | null | undefined) ?? {}

/** The causes that wake the agent, in words. */
function timerWords(agent: AgentDetail): string {
  const { enabled, intervalSec } = heartbeatOf(agent)
  if (enabled === false || typeof intervalSec !== 'number' || intervalSec < 1) return 'no timer'
  return `every ${intervalSec % 60 === 0 ? `${formatNumber(intervalSec / 60)} min` : `${formatNumber(intervalSec)} s`}`
}

const skippedWords: Readonly<Record<string, string>> = { timer: 'by the timer', wake_on_demand: 'on demand' }

function AgentFacts({ agent }: Pick<TabProps, 'agent'>): ReactNode {
  const pathOf = useCompanyPath()
  const runtime = useRuntime(agent).data?.data
  const [manager] = agent.chainOfCommand
  const skipped = (runtime?.stateJson['skippedWakes'] ?? {}) as Readonly<Record<string, unknown>>
  return (
    <section className="card agent-facts" aria-label="Facts">
      <Facts>
        <Fact name="Role">{roleName(agent.role)}</Fact>
        <Fact name="Reports to">
          {manager === undefined ? <span className="soft">no agent</span> : <Link to={pathOf(`agents/${manager.id}`)}>{manager.name}</Link>}
          {manager?.status === 'terminated' && <span className="soft"> (terminated)</span>}
        </Fact>
        <Fact name="Runs by">
          <span className="mono">{agent.adapterType}</span>
        </Fact>
        <Fact name="Wakes">{timerWords(agent)}</Fact>
        <Fact name="Last heartbeat">
          <Time at={agent.lastHeartbeatAt} />
        </Fact>
        <Fact name="Spent">
          <Budget agent={agent} />
        </Fact>
        {runtime !== undefined && (
          <>
            <Fact name="Cost in all">{formatCents(runtime.totalCostCents)}</Fact>
            <Fact name="Tokens">
              {formatNumber(runtime.totalInputTokens)} in, {formatNumber(runtime.totalOutputTokens)} out
            </Fact>
          </>
        )}
        {Object.entries(skipped).map(([reason, count]) => (
          <Fact key={reason} name="Skipped wakes">
            {String(count)} {skippedWords[reason] ?? reason.replaceAll('_', ' ')}
          </Fact>
        ))}
        <Fact name="Hired">
          <Time at={agent.createdAt} />
        </Fact>
        <Fact name="Id">
          <span className="mono agent-id">{agent.id}</span>
        </Fact>
      </Facts>
      {agent.capabilities !== null && agent.capabilities !== '' && <p className="agent-capabilities">{agent.capabilities}</p>}
    </section>
  )
}
