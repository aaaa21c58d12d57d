import type { ReactNode } from 'react'
import { Page } from '../../parts/Page.tsx'

/** The runs of the company. */
export default function RunsPage(): ReactNode {
  return <Page title="Runs">{null}</Page>
}
