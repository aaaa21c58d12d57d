import type { ReactNode } from 'react'
import { Page } from '../../parts/Page.tsx'

/** The issues of the company. */
export default function IssuesPage(): ReactNode {
  return <Page title="Issues">{null}</Page>
}
