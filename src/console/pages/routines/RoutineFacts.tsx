import type { ReactNode } from 'react'
import type { RoutineDetail } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { Status } from '../../parts/Status.tsx'
import { Time } from '../../parts/Time.tsx'
import { Link } from '../../router/Link.tsx'
import { statusTones, statusWords } from './words.ts'

/** The state of a routine in one line: whether it runs, for which agent, and the issue that is open. */
export function RoutineFacts({ routine }: { readonly routine: RoutineDetail }): ReactNode {
  const { status, assignee, project, parentIssue, activeIssue, lastTriggeredAt } = routine
  const pathOf = useCompanyPath()
  return (
    <p className="routine-line">
      <Status of={status} tone={statusTones[status]} words={statusWords(routine)} />
      {assignee === null ? (
        <span>It is a draft: without an assignee it does not run.</span>
      ) : (
        <span>
          for <Link to={pathOf(`agents/${assignee.id}`)}>{assignee.name}</Link>
          {assignee.status === 'paused' && ', which is paused'}
        </span>
      )}
      {project !== null && (
        <span>
          in <Link to={pathOf(`projects/${project.id}`)}>{project.name}</Link>
        </span>
      )}
      {parentIssue !== null && (
        <span>
          below <IssueRef issue={parentIssue} />
        </span>
      )}
      <span className="soft">
        last run <Time at={lastTriggeredAt} />
      </span>
      {activeIssue !== null && (
        <span>
          open issue <IssueRef issue={activeIssue} />
        </span>
      )}
    </p>
  )
}

type Ref = NonNullable<RoutineDetail['activeIssue']>

/** A link to an issue, with its title. */
export function IssueRef({ issue: { identifier, title } }: { readonly issue: Ref }): ReactNode {
  const pathOf = useCompanyPath()
  return (
    <Link to={pathOf(`issues/${identifier}`)}>
      <span className="mono">{identifier}</span> {title}
    </Link>
  )
}
