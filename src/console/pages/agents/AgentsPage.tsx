import type { ReactNode } from 'react'
import { Page } from '../../parts/Page.tsx'

/** The agents of the company. */
export default function AgentsPage(): ReactNode {
  return <Page title="Agents">{null}</Page>
}
