import { useState } from 'react'
import type { ReactNode } from 'react'
import type { Company } from '../api/types.ts'
import { companyPath } from '../frame/company.tsx'
import { Skeleton } from '../parts/Empty.tsx'
import { Elapsed } from '../parts/Time.tsx'
import { Status } from '../parts/Status.tsx'
import { Link } from '../router/Link.tsx'
import { AgentStep } from './AgentStep.tsx'
import type { Hired } from './AgentStep.tsx'
import { ConnectStep } from './ConnectStep.tsx'
import { useBeginning } from './data.ts'
import { IssueStep } from './IssueStep.tsx'

interface StepProps {
  readonly title: string
  readonly isDone: boolean
  readonly children: ReactNode
}

/** One step, with a sign and a word for its state. */
const Step = ({ title, isDone, children }: StepProps): ReactNode => (
  <li className={isDone ? 'step done' : 'step'}>
    <h2>
      <span aria-hidden="true">{isDone ? '✓ ' : ''}</span>
      {title}
      {isDone && <span className="hidden"> (done)</span>}
    </h2>
    {children}
  </li>
)

/** A company from nothing to a working agent, in four steps. Each step is done where it stands. */
export function FirstSteps({ company }: { readonly company: Company }): ReactNode {
  const { isLoading, agent, hasIssue, run } = useBeginning(company.id)
  const [hired, setHired] = useState<Hired | null>(null)
  const base = companyPath(company)
  if (isLoading) return <Skeleton lines={8} />
  const present = hired?.agent ?? agent
  return (
    <ol className="steps">
      <Step title={`The company ${company.name} is made`} isDone>
        <p className="soft">
          Its issues are named {company.issuePrefix}-1, {company.issuePrefix}-2 and so on. Its name and its rules are in the{' '}
          <Link to={`${base}/settings`}>settings</Link>.
        </p>
      </Step>
      <Step title={present === null ? 'Hire an agent' : `${present.name} is hired`} isDone={present !== null}>
        <AgentStep companyId={company.id} agent={present} hired={hired} onHired={setHired} />
      </Step>
      <Step title={hasIssue ? 'There is an issue to work on' : 'Write an issue'} isDone={hasIssue}>
        {hasIssue ? (
          <p className="soft">
            <Link to={`${base}/issues`}>See the issues</Link>
          </p>
        ) : (
          <IssueStep companyId={company.id} />
        )}
      </Step>
      <Step title={run === null ? 'Connect the agent' : 'An agent works'} isDone={run !== null}>
        {run === null ? (
          <ConnectStep companyId={company.id} agent={present} token={hired?.token ?? null} hasIssue={hasIssue} />
        ) : (
          <>
            <p className="row">
              Run <Link to={`${base}/runs/${run.id}`}>{run.id.slice(0, 8)}</Link> <Status of={run.status} />
              <span className="soft">
                <Elapsed from={run.startedAt ?? run.createdAt} to={run.finishedAt} />
              </span>
            </p>
            <p>
              <Link className="button" to={`${base}/issues`}>
                See what it did
              </Link>
            </p>
          </>
        )}
      </Step>
    </ol>
  )
}
