import type { ReactNode } from 'react'
import { Page } from '../../parts/Page.tsx'

/** One approval. */
export default function ApprovalPage(): ReactNode {
  return <Page title="Approval">{null}</Page>
}
