import { useState } from 'react'
import type { ReactNode } from 'react'
import { useRead } from '../../../api/reads.ts'
import type { IssueRun, Run } from '../../../api/types.ts'
import { useCompany, useCompanyPath } from '../../../frame/company.tsx'
import { Skeleton } from '../../../parts/Empty.tsx'
import { Problem } from '../../../parts/Problem.tsx'
import { Status } from '../../../parts/Status.tsx'
import { Elapsed, Time } from '../../../parts/Time.tsx'
import { Link } from '../../../router/Link.tsx'
import { VisibleText } from '../../../texts/VisibleText.tsx'
import { agentName, useAuthors } from '../Author.tsx'
import { lastLines, lastWords } from './lastWords.ts'

/** A run of the issue as one line with its last words. Opened, it has the end of its output. */
export function RunItem({ run }: { readonly run: IssueRun }): ReactNode {
  const [isOpen, setOpen] = useState(false)
  const nameOf = useAuthors()
  const words = lastWords(run.resultJson)
  return (
    <details className="run-item" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>
        <Status of={run.status} /> <span>Run of {agentName(nameOf, run.agentId)}</span>
        <span className="soft">
          <Elapsed from={run.startedAt} to={run.finishedAt} />, <Time at={run.createdAt} />
        </span>
        {words !== null && (
          <span className="words soft">
            <VisibleText text={words} />
          </span>
        )}
      </summary>
      {isOpen && <Details runId={run.runId} />}
    </details>
  )
}

function Details({ runId }: { readonly runId: string }): ReactNode {
  const pathOf = useCompanyPath()
  const read = useRead<Run>(['run', useCompany().id, runId], `/heartbeat-runs/${runId}`)
  const run = read.data?.data
  if (read.error !== null) return <Problem problem={read.error} />
  if (run === undefined) return <Skeleton lines={2} />
  const words = lastWords(run.resultJson)
  const output = lastLines(run.stdoutExcerpt)
  const errors = lastLines(run.stderrExcerpt)
  return (
    <div className="run-details">
      {run.error !== null && (
        <p>
          <Status of="failed" words={run.errorCode ?? 'failed'} /> <VisibleText text={run.error} />
        </p>
      )}
      {words !== null && (
        <p>
          <VisibleText text={words} />
        </p>
      )}
      {output !== null && <pre>{output}</pre>}
      {errors !== null && (
        <>
          <p className="soft">Standard error:</p>
          <pre>{errors}</pre>
        </>
      )}
      {run.error === null && words === null && output === null && errors === null && <p className="soft">It has said nothing.</p>}
      <Link to={pathOf(`runs/${runId}`)}>Open the run</Link>
    </div>
  )
}
