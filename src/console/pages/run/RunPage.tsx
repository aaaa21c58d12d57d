import type { ReactNode } from 'react'
import { Page } from '../../parts/Page.tsx'

/** One run. */
export default function RunPage(): ReactNode {
  return <Page title="Run">{null}</Page>
}
