import type { ReactNode } from 'react'
import { useCompanyPath } from '../../frame/company.tsx'
import { Elapsed } from '../../parts/Time.tsx'
import { Link } from '../../router/Link.tsx'
import type { AgentLine } from './data.ts'

/** The work of an agent at this moment: its issue and its run, and how many more. */
export function Now({ line }: { readonly line: AgentLine }): ReactNode {
  const pathOf = useCompanyPath()
  const { runs, holds } = line
  const [run] = runs
  if (run === undefined) return <span className="soft">nothing</span>
  const hold = holds.find(({ holder }) => holder?.runId === run.id)
  const isQueued = run.status === 'queued'
  return (
    <span className="now">
      {hold === undefined ? (
        <Link to={pathOf(`runs/${run.id}`)}>{isQueued ? 'a queued run' : 'a run'}</Link>
      ) : (
        <Link to={pathOf(`issues/${hold.identifier}`)} title={hold.title}>
          <span className="mono">{hold.identifier}</span> {hold.title}
        </Link>
      )}
      <span className="soft">
        {' '}
        {isQueued ? 'waits ' : ''}
        <Elapsed from={run.startedAt ?? run.createdAt} />
        {runs.length > 1 && ` · ${runs.length - 1} more`}
      </span>
    </span>
  )
}
