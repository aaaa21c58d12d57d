import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { useHold } from '../../holding/data.ts'
import { HoldCard } from '../../holding/HoldCard.tsx'
import { HoldTimeline } from '../../holding/HoldTimeline.tsx'
import { Dialog } from '../../parts/Dialog.tsx'
import { Skeleton } from '../../parts/Empty.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Link } from '../../router/Link.tsx'

/** A look at the hold of one issue without leaving the list. @param issue its identifier */
export function HoldDrawer({ issue, onClose }: { readonly issue: string; readonly onClose: () => void }): ReactNode {
  const pathOf = useCompanyPath()
  const { data, error, refetch } = useHold(issue)
  const hold = data?.data
  return (
    <Dialog kind="drawer" title={hold === undefined ? issue : `${hold.identifier} ${hold.title}`} onClose={onClose}>
      {error !== null && <Problem problem={error} retry={() => inBackground(refetch())} />}
      {hold === undefined && error === null && <Skeleton lines={6} />}
      {hold !== undefined && (
        <div className="stack">
          <p className="lock-links">
            <Link to={pathOf(`issues/${hold.identifier}`)}>The whole issue</Link>
            <Link to={pathOf(`activity?entityId=${hold.issueId}`)}>Its activity</Link>
          </p>
          <section aria-labelledby="drawer-hold">
            <h3 id="drawer-hold">Hold</h3>
            <HoldCard hold={hold} />
          </section>
          <section aria-labelledby="drawer-history">
            <h3 id="drawer-history">History</h3>
            <HoldTimeline hold={hold} />
          </section>
        </div>
      )}
    </Dialog>
  )
}
