import type { ReactNode } from 'react'
import { Page } from '../../parts/Page.tsx'

/** Who holds what. */
export default function LocksPage(): ReactNode {
  return <Page title="Locks">{null}</Page>
}
