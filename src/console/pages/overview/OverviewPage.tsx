import type { ReactNode } from 'react'
import { Page } from '../../parts/Page.tsx'

/** What needs a person, what works now, and the figures. */
export default function OverviewPage(): ReactNode {
  return <Page title="Overview">{null}</Page>
}
