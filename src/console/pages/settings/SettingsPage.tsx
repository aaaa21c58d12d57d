import type { ReactNode } from 'react'
import { Page } from '../../parts/Page.tsx'

/** Settings of the company, and who uses it. */
export default function SettingsPage(): ReactNode {
  return <Page title="Settings">{null}</Page>
}
