import type { ReactNode } from 'react'
import type { Column } from '../../parts/DataTable.tsx'
import { Status, wordsOf } from '../../parts/Status.tsx'
import { Time } from '../../parts/Time.tsx'
import { Link } from '../../router/Link.tsx'
import { isHeldAlive } from './changes.ts'
import type { EditField } from './edits.tsx'
import type { IssueRow } from './filters.ts'
import { assigneeOf, nameOfAssignee } from './names.ts'
import type { Names } from './names.ts'
import { Priority } from './Priority.tsx'

/** Whether a run holds an issue, and lives. */
export function Holder({ row, names }: { readonly row: IssueRow; readonly names: Names }): ReactNode {
  if (row.activeRun !== null) {
    const { status, agentId } = row.activeRun
    return (
      <Status
        of={status === 'running' ? 'live' : status}
        words={`${status === 'running' ? 'live' : 'queued'}: ${names.nameOfAgent(agentId)}`}
      />
    )
  }
  return row.checkoutRunId === null && row.executionRunId === null ? (
    <span className="soft">free</span>
  ) : (
    <Status of="dead" words="dead hold" />
  )
}

const holderText = (row: IssueRow, names: Names): string =>
  row.activeRun !== null
    ? `${isHeldAlive(row) ? 'live' : row.activeRun.status}: ${names.nameOfAgent(row.activeRun.agentId)}`
    : row.checkoutRunId === null && row.executionRunId === null
      ? 'free'
      : 'dead hold'

interface EditCellProps {
  readonly row: IssueRow
  readonly field: EditField
  readonly onEdit: (row: IssueRow, field: EditField) => void
  readonly children: ReactNode
}

/** A cell that opens the choices of its field. Its name begins with the words that are seen. */
const EditCell = ({ row, field, onEdit, children }: EditCellProps): ReactNode => (
  <button type="button" className="cell" title={`Change the ${field}`} onClick={() => onEdit(row, field)}>
    {children}
    <span className="hidden">
      , {field} of {row.identifier}. Change
    </span>
  </button>
)

interface ColumnOptions {
  readonly names: Names
  readonly pathOf: (path: string) => string
  readonly onEdit: (row: IssueRow, field: EditField) => void
}

const Title = ({ row, pathOf }: { readonly row: IssueRow; readonly pathOf: (path: string) => string }): ReactNode => (
  <span className="issue-title">
    <span className="mono small-only">{row.identifier}</span>
    <Link to={pathOf(`issues/${row.identifier}`)} title={row.title}>
      {row.title}
    </Link>
    {row.labels.map(({ id, name }) => (
      <span key={id} className="label">
        {name}
      </span>
    ))}
  </span>
)

/** A column of a field that can be changed in its place. */
interface EditColumn extends Pick<Column<IssueRow>, 'key' | 'title' | 'width' | 'isSecondary'> {
  readonly key: EditField
  /** The value in words; empty for none. */
  readonly words: (row: IssueRow) => string
  readonly shown: (row: IssueRow) => ReactNode
}

const editColumns = (names: Names): readonly EditColumn[] => {
  const assignee = (row: IssueRow): string => nameOfAssignee(assigneeOf(row), names) ?? ''
  return [
    {
      key: 'status',
      title: 'Status',
      width: '136px',
      words: ({ status }) => wordsOf(status),
      shown: ({ status }) => <Status of={status} />,
    },
    {
      key: 'priority',
      title: 'Priority',
      width: '104px',
      isSecondary: true,
      words: ({ priority }) => priority,
      shown: ({ priority }) => <Priority of={priority} />,
    },
    {
      key: 'assignee',
      title: 'Assignee',
      width: '150px',
      isSecondary: true,
      words: assignee,
      shown: (row) => (assignee(row) === '' ? <span className="soft">unassigned</span> : assignee(row)),
    },
  ]
}

/** The columns of the list. */
export function columnsOf({ names, pathOf, onEdit }: ColumnOptions): readonly Column<IssueRow>[] {
  return [
    {
      key: 'identifier',
      title: 'Issue',
      width: '104px',
      isSecondary: true,
      cell: ({ identifier }) => <span className="mono">{identifier}</span>,
      text: ({ identifier }) => identifier,
    },
    { key: 'title', title: 'Title', cell: (row) => <Title row={row} pathOf={pathOf} />, text: ({ title }) => title },
    ...editColumns(names).map(({ words, shown, ...column }) => ({
      ...column,
      cell: (row: IssueRow) => (
        <EditCell row={row} field={column.key} onEdit={onEdit}>
          {shown(row)}
        </EditCell>
      ),
      text: words,
    })),
    {
      key: 'held',
      title: 'Held',
      width: '140px',
      isSecondary: true,
      cell: (row) => <Holder row={row} names={names} />,
      text: (row) => holderText(row, names),
    },
    {
      key: 'updated',
      title: 'Updated',
      width: '110px',
      isSecondary: true,
      cell: ({ updatedAt }) => <Time at={updatedAt} />,
      text: ({ updatedAt }) => updatedAt,
    },
  ]
}
