import { useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { Run } from '../../api/types.ts'
import { useKeys } from '../../keys/keys.ts'
import type { PageProps } from '../../pages.ts'
import { Skeleton } from '../../parts/Empty.tsx'
import { Page } from '../../parts/Page.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { useAgents } from '../runs/data.ts'
import { isLive, shortId } from '../runs/words.ts'
import { CancelRun } from './CancelRun.tsx'
import { useHolds, useRun, useRunIssues } from './data.ts'
import { evictionsOf, isHeldBy } from './holds.ts'
import { LogPanel } from './log/LogPanel.tsx'
import { RunActivity } from './RunActivity.tsx'
import { RunEvents } from './RunEvents.tsx'
import { RunFacts } from './RunFacts.tsx'
import { Evictions, RunHolds } from './RunHolds.tsx'
import { RunResult, RunStart } from './RunReport.tsx'

/** One run. */
export default function RunPage({ params }: PageProps): ReactNode {
  const runId = params['run'] ?? ''
  const { data, error, refetch } = useRun(runId)
  if (data !== undefined) return <OneRun key={runId} run={data.data} />
  return (
    <Page title={`Run ${shortId(runId)}`}>
      {error === null ? <Skeleton lines={12} /> : <Problem problem={error} retry={() => inBackground(refetch())} />}
    </Page>
  )
}

function OneRun({ run }: { readonly run: Run }): ReactNode {
  const [isCancelling, setCancelling] = useState(false)
  const agents = useAgents()
  const issues = useRunIssues(run.id) ?? []
  const holds = useHolds(issues)
  const held = holds.filter((hold) => isHeldBy(hold, run.id))
  const evictions = evictionsOf(run.id, holds)
  const agentName = agents.find(({ id }) => id === run.agentId)?.name ?? 'its agent'
  const canCancel = isLive(run)
  const askToCancel = (): void => setCancelling(true)
  useKeys('Run', canCancel ? [{ keys: 'c', label: 'Cancel the run', run: askToCancel }] : [])
  return (
    <Page
      title={`Run ${shortId(run.id)}`}
      actions={
        canCancel && (
          <button type="button" className="danger" title="c" onClick={askToCancel}>
            Cancel the run
          </button>
        )
      }
    >
      <div className="run">
        <RunFacts run={run} agents={agents} />
        <Evictions evictions={evictions} isLive={canCancel} />
        {run.error !== null && <RunError run={run} />}
        <RunHolds runId={run.id} issues={issues} holds={holds} evictions={evictions} />
        <LogPanel run={run} />
        <div className="run-sections">
          <div>
            <RunResult run={run} />
            <RunActivity runId={run.id} />
          </div>
          <div>
            <RunEvents runId={run.id} />
            <RunStart run={run} />
          </div>
        </div>
      </div>
      {isCancelling && <CancelRun run={run} agentName={agentName} held={held} onClose={() => setCancelling(false)} />}
    </Page>
  )
}

/** Why the run did not succeed, in the words of the server or of its agent. */
const RunError = ({ run: { error, errorCode, status } }: { readonly run: Run }): ReactNode => (
  <div className={status === 'cancelled' ? 'run-note warn' : 'run-note bad'}>
    <p className="run-error">{error}</p>
    {errorCode !== null && <p className="mono soft">{errorCode}</p>}
  </div>
)
