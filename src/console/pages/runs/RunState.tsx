import type { ReactNode } from 'react'
import type { Run } from '../../api/types.ts'
import { Status } from '../../parts/Status.tsx'
import { Elapsed, useNow } from '../../parts/Time.tsx'
import { stateOf } from './words.ts'

/** The state of a run as a sign and words. */
export function RunState({ run }: { readonly run: Run }): ReactNode {
  const { words, tone } = stateOf(run, useNow())
  return <Status of={run.status} tone={tone} words={words} />
}

/** How long a run has gone on, went on, or has waited for its start. */
export function RunDuration({ run }: { readonly run: Run }): ReactNode {
  const { status, createdAt, startedAt, finishedAt } = run
  if (status === 'queued')
    return (
      <>
        waits <Elapsed from={createdAt} />
      </>
    )
  if (startedAt === null) return <span className="soft">not started</span>
  return <Elapsed from={startedAt} to={finishedAt} />
}
