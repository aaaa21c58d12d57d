import type { ReactNode } from 'react'
import { Page } from '../../parts/Page.tsx'

/** What waits for a decision. */
export default function ApprovalsPage(): ReactNode {
  return <Page title="Approvals">{null}</Page>
}
