import type { ReactNode } from 'react'
import type { Dashboard } from '../../api/types.ts'
import { useCompany } from '../../frame/company.tsx'
import { Skeleton } from '../../parts/Empty.tsx'
import { Page } from '../../parts/Page.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { FirstSteps } from '../../starting/FirstSteps.tsx'
import { useOverview } from './data.ts'
import { Figures } from './Figures.tsx'
import { needsOf } from './needs.ts'
import { NeedsYou } from './NeedsYou.tsx'
import { WorkingNow } from './WorkingNow.tsx'

/** Whether nothing has been done in a company yet: there is no agent to work, or nothing to work on. */
const isNew = ({ agents, tasks }: Dashboard): boolean =>
  agents.active + agents.running + agents.paused + agents.error === 0 || tasks.open + tasks.done === 0

/** The work that needs a person, what works now, and the figures. */
export default function OverviewPage(): ReactNode {
  const company = useCompany()
  const overview = useOverview(company)
  const { isLoading, problem, sources, dashboard } = overview
  if (problem !== null && dashboard === null)
    return (
      <Page title="Overview">
        <Problem problem={problem} />
      </Page>
    )
  if (isLoading || dashboard === null)
    return (
      <Page title="Overview">
        <Skeleton lines={9} />
      </Page>
    )
  const needs = needsOf(sources)
  if (needs.length === 0 && isNew(dashboard))
    return (
      <Page title="Overview">
        <p className="lead">This company is new. Four steps lead to an agent that works.</p>
        <FirstSteps company={company} />
      </Page>
    )
  return (
    <Page title="Overview">
      {problem !== null && <Problem problem={problem} />}
      <div className="overview">
        <NeedsYou needs={needs} />
        <WorkingNow overview={overview} />
        <Figures overview={overview} />
      </div>
    </Page>
  )
}
