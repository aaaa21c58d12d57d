import type { ReactNode } from 'react'
import { Page } from '../../parts/Page.tsx'

/** The first page of a server without a company. */
export default function WelcomePage(): ReactNode {
  return <Page title="Welcome">…</Page>
}
