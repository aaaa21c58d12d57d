import type { ReactNode } from 'react'
import { Page } from '../../parts/Page.tsx'

/** One issue. */
export default function IssuePage(): ReactNode {
  return <Page title="Issue">{null}</Page>
}
