import type { ReactNode } from 'react'
import { useCompanyPath } from '../../frame/company.tsx'
import { useKeys } from '../../keys/keys.ts'
import type { PageProps } from '../../pages.ts'
import { Page } from '../../parts/Page.tsx'
import { useIsWide } from '../../parts/useIsWide.ts'
import { go } from '../../router/location.ts'
import { Link } from '../../router/Link.tsx'
import { useCompany } from '../../frame/company.tsx'
import { ApprovalView } from './ApprovalView.tsx'
import { useApprovals } from './data.ts'

/** One approval. `j` and `k` go through what waits. */
export default function ApprovalPage({ params }: PageProps): ReactNode {
  const { approval: id = '' } = params
  const { id: companyId } = useCompany()
  const pathOf = useCompanyPath()
  const { rows } = useApprovals(companyId, { status: 'pending', type: null })
  const isWide = useIsWide()
  const at = rows.findIndex((row) => row.id === id)
  const move = (to: number): void => {
    const next = rows[to]
    if (next !== undefined) go(pathOf(`approvals/${next.id}`))
  }
  useKeys('Approval', [
    { keys: 'j', label: 'Next approval that waits', run: () => move(at + 1) },
    { keys: 'k', label: 'Previous approval that waits', run: () => move(at === -1 ? 0 : at - 1) },
  ])
  const others = rows.filter((row) => row.id !== id).length
  return (
    <Page
      title="Approval"
      actions={
        <Link to={pathOf('approvals')}>{others === 0 ? 'All approvals' : `${others} ${others === 1 ? 'other waits' : 'others wait'}`}</Link>
      }
    >
      <ApprovalView key={id} id={id} isWhole={isWide} />
    </Page>
  )
}
