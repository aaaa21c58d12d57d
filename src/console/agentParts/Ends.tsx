import type { ReactNode } from 'react'
import type { Hold, Run } from '../api/types.ts'
import { useCompany } from '../frame/company.tsx'
import { counted } from '../parts/counted.ts'
import { Elapsed } from '../parts/Time.tsx'
import { useWork } from './reads.ts'

function RunLine({ run, holds }: { readonly run: Run; readonly holds: readonly Hold[] }): ReactNode {
  const held = holds.filter(({ holder }) => holder?.runId === run.id)
  return (
    <li>
      Run <span className="mono">{run.id.slice(0, 8)}</span>, running for <Elapsed from={run.startedAt} />
      {held.length === 0 ? ', holds no issue' : ', holds '}
      {held.map(({ issueId, identifier, title }, at) => (
        <span key={issueId}>
          {at > 0 && ', '}
          <span className="mono">{identifier}</span> {title}
        </span>
      ))}
    </li>
  )
}

/** The most runs that are named one by one. */
const NAMED = 5

/** The work that an act on an agent will end: its runs with the issues that they hold, its queued runs, its keys. @param keys how many keys it revokes */
export function Ends({ agentId, keys = null }: { readonly agentId: string; readonly keys?: number | null }): ReactNode {
  const work = useWork(useCompany().id, agentId)
  if (!work.isKnown) return <p className="soft">Reading what it has at work …</p>
  const { running, queued, holds, hasMore } = work
  const isNothing = running.length + queued.length === 0 && (keys ?? 0) === 0
  if (isNothing) return <p>It ends nothing: the agent has no run{keys === null ? '' : ' and no key'} now.</p>
  return (
    <>
      <p>It ends now:</p>
      <ul>
        {running.slice(0, NAMED).map((run) => (
          <RunLine key={run.id} run={run} holds={holds} />
        ))}
        {running.length > NAMED && <li>{counted(running.length - NAMED, 'more running run')}</li>}
        {queued.length > 0 && (
          <li>
            {counted(queued.length, 'queued run')}
            {hasMore && ' at least'}
          </li>
        )}
        {keys !== null && keys > 0 && <li>{counted(keys, 'key')}, for good</li>}
      </ul>
      {holds.length > 0 && <p>The issues that it holds become free, and their other work goes on.</p>}
    </>
  )
}
