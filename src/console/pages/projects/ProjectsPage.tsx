import type { ReactNode } from 'react'
import { Page } from '../../parts/Page.tsx'
import { Tabs } from '../../parts/Tabs.tsx'
import { usePlace } from '../../router/location.ts'
import { GoalsTab } from './GoalsTab.tsx'
import { LabelsTab } from './LabelsTab.tsx'
import { ProjectsTab } from './ProjectsTab.tsx'

const tabs = [
  { value: '', label: 'All projects', Content: ProjectsTab },
  { value: 'goals', label: 'Goals', Content: GoalsTab },
  { value: 'labels', label: 'Labels', Content: LabelsTab },
] as const

/** Projects, goals and labels: the words by which issues are ordered. */
export default function ProjectsPage(): ReactNode {
  const present = usePlace().query.get('tab') ?? ''
  const { Content } = tabs.find(({ value }) => value === present) ?? tabs[0]
  return (
    <Page title="Projects">
      <Tabs tabs={tabs} label="Projects, goals and labels" />
      <Content />
    </Page>
  )
}
