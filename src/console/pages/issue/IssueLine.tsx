import type { ReactNode } from 'react'
import { useCompanyPath } from '../../frame/company.tsx'
import { Status } from '../../parts/Status.tsx'
import { Link } from '../../router/Link.tsx'
import { VisibleText } from '../../texts/VisibleText.tsx'

interface IssueLineProps {
  readonly issue: { readonly identifier: string; readonly title: string; readonly status: string }
  /** An act on the line, at its end. */
  readonly children?: ReactNode
}

/** Another issue as one line: its status, its identifier, its title. */
export function IssueLine({ issue, children }: IssueLineProps): ReactNode {
  const pathOf = useCompanyPath()
  return (
    <div className="issue-line">
      <Status of={issue.status} />
      <Link to={pathOf(`issues/${issue.identifier}`)}>
        <span className="mono">{issue.identifier}</span> <VisibleText text={issue.title} />
      </Link>
      {children}
    </div>
  )
}
