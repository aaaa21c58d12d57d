import type { ReactNode } from 'react'
import { Page } from '../../parts/Page.tsx'

/** One agent. */
export default function AgentPage(): ReactNode {
  return <Page title="Agent">{null}</Page>
}
