import type { ReactNode } from 'react'
import { Page } from '../../parts/Page.tsx'

/** What happened. */
export default function ActivityPage(): ReactNode {
  return <Page title="Activity">{null}</Page>
}
