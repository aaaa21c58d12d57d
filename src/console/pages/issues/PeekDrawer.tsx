import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import { segment } from '../../api/client.ts'
import { useRead } from '../../api/reads.ts'
import type { Issue } from '../../api/types.ts'
import { useCompany, useCompanyPath } from '../../frame/company.tsx'
import { useHold } from '../../holding/data.ts'
import { HoldCard } from '../../holding/HoldCard.tsx'
import { Dialog } from '../../parts/Dialog.tsx'
import { Skeleton } from '../../parts/Empty.tsx'
import { Fact, Facts } from '../../parts/Facts.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Status } from '../../parts/Status.tsx'
import { Time } from '../../parts/Time.tsx'
import { Link } from '../../router/Link.tsx'
import { Markdown } from '../../texts/Markdown.tsx'
import type { IssueRow } from './filters.ts'
import { assigneeOf, nameOfAssignee } from './names.ts'
import type { Names } from './names.ts'
import { Priority } from './Priority.tsx'

interface PeekDrawerProps {
  readonly row: IssueRow
  readonly names: Names
  readonly onClose: () => void
}

/** A look at an issue without leaving the list. */
export function PeekDrawer({ row, names, onClose }: PeekDrawerProps): ReactNode {
  const pathOf = useCompanyPath()
  const read = useRead<Issue>(['issue', useCompany().id, row.id], `/issues/${segment(row.id)}`)
  const hold = useHold(row.id).data?.data
  const issue = read.data?.data
  return (
    <Dialog title={`${row.identifier}: ${row.title}`} kind="drawer" onClose={onClose}>
      <div className="stack">
        <IssueFacts row={issue ?? row} names={names} />
        <section>
          <h3>Description</h3>
          {issue === undefined && read.error === null && <Skeleton lines={3} />}
          {read.error !== null && <Problem problem={read.error} retry={() => inBackground(read.refetch())} />}
          {issue !== undefined &&
            (issue.description === null ? <p className="soft">None</p> : <Markdown text={issue.description} headingLevel={4} />)}
        </section>
        <section>
          <h3>Hold</h3>
          {hold === undefined ? <Skeleton lines={2} /> : <HoldCard hold={hold} />}
        </section>
      </div>
      <footer>
        <Link className="button" to={pathOf(`issues/${row.identifier}`)} data-first="">
          Open the issue
        </Link>
      </footer>
    </Dialog>
  )
}

type ShownFields = Pick<IssueRow, 'status' | 'priority' | 'assigneeAgentId' | 'assigneeUserId' | 'projectId' | 'labels' | 'updatedAt'>

function IssueFacts({ row, names }: { readonly row: ShownFields; readonly names: Names }): ReactNode {
  const project = names.projects.find(({ id }) => id === row.projectId)
  return (
    <Facts>
      <Fact name="Status">
        <Status of={row.status} />
      </Fact>
      <Fact name="Priority">
        <Priority of={row.priority} />
      </Fact>
      <Fact name="Assignee">{nameOfAssignee(assigneeOf(row), names) ?? <span className="soft">unassigned</span>}</Fact>
      <Fact name="Project">{project?.name ?? <span className="soft">none</span>}</Fact>
      <Fact name="Labels">
        {row.labels.length === 0 ? <span className="soft">none</span> : row.labels.map(({ name }) => name).join(', ')}
      </Fact>
      <Fact name="Updated">
        <Time at={row.updatedAt} />
      </Fact>
    </Facts>
  )
}
