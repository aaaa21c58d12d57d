import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import { useHold } from '../../holding/data.ts'
import { ForceRelease } from '../../holding/ForceRelease.tsx'
import { HoldCard } from '../../holding/HoldCard.tsx'
import { HoldTimeline } from '../../holding/HoldTimeline.tsx'
import { Skeleton } from '../../parts/Empty.tsx'
import { notify } from '../../parts/notices.tsx'
import { Problem } from '../../parts/Problem.tsx'

interface HoldSectionProps {
  readonly issueId: string
  /** Whether the key of the page asks for a force-release. */
  readonly isReleasing: boolean
  readonly onReleased: () => void
}

/** The hold of the issue, with its story: taken, adopted, released, forced. */
export function HoldSection({ issueId, isReleasing, onReleased }: HoldSectionProps): ReactNode {
  const read = useHold(issueId)
  const hold = read.data?.data
  return (
    <section className="card hold-section" aria-label="Hold">
      <h2>Hold</h2>
      {read.error !== null && <Problem problem={read.error} retry={() => inBackground(read.refetch())} />}
      {hold === undefined && read.error === null && <Skeleton lines={3} />}
      {hold !== undefined && (
        <>
          <HoldCard hold={hold} />
          <h3>What happened to it</h3>
          <HoldTimeline hold={hold} />
          {isReleasing && <ForceRelease holds={[hold]} onClose={onReleased} />}
        </>
      )}
    </section>
  )
}

/** Says that there is nothing to release, where no run holds the issue. @returns whether a run holds it */
export function isHeldOrSaid(issue: { readonly checkoutRunId: string | null; readonly executionRunId: string | null }): boolean {
  const isHeld = issue.checkoutRunId !== null || issue.executionRunId !== null
  if (!isHeld) notify('No run holds this issue, so there is nothing to release.')
  return isHeld
}
