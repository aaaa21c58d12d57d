import type { ReactNode } from 'react'
import { Page } from '../../parts/Page.tsx'

/** One project. */
export default function ProjectPage(): ReactNode {
  return <Page title="Project">{null}</Page>
}
