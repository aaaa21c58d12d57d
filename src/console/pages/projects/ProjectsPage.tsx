import type { ReactNode } from 'react'
import { Page } from '../../parts/Page.tsx'

/** Projects, goals and labels. */
export default function ProjectsPage(): ReactNode {
  return <Page title="Projects">{null}</Page>
}
