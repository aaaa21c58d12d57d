import type { ReactNode } from 'react'
import type { Approval, IssueDetail } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { Status } from '../../parts/Status.tsx'
import { Time } from '../../parts/Time.tsx'
import { Link } from '../../router/Link.tsx'
import { VisibleText } from '../../texts/VisibleText.tsx'
import { useApprovalsOf } from './data.ts'

const subjects: Readonly<Record<Approval['type'], string>> = {
  hire_agent: 'Hire an agent',
  approve_ceo_strategy: 'Approve a strategy',
  budget_override_required: 'Exceed a budget',
  request_board_approval: 'A request to the board',
}

/** The words of an approval: its own title where it has one. */
function subjectOf({ payload, type }: Approval): string {
  const words = payload['title'] ?? payload['name']
  return typeof words === 'string' && words !== '' ? words : subjects[type]
}

/** The approvals that are linked to the issue; nothing where there is none. */
export function Approvals({ issue }: { readonly issue: IssueDetail }): ReactNode {
  const pathOf = useCompanyPath()
  const rows = useApprovalsOf(issue.id).data?.data ?? []
  if (rows.length === 0) return null
  return (
    <section aria-label="Approvals">
      <h2>Approvals</h2>
      <ul className="tree">
        {rows.map((approval) => (
          <li key={approval.id} className="issue-line">
            <Status of={approval.status} />
            <Link to={pathOf(`approvals/${approval.id}`)}>
              <VisibleText text={subjectOf(approval)} />
            </Link>
            <span className="soft">
              <Time at={approval.createdAt} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}
