import type { ReactNode } from 'react'
import type { RoutineItem } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import type { Column } from '../../parts/DataTable.tsx'
import { DataTable } from '../../parts/DataTable.tsx'
import { Status } from '../../parts/Status.tsx'
import { Time } from '../../parts/Time.tsx'
import { Link } from '../../router/Link.tsx'
import { useChoices } from './data.ts'
import { nextTimeOf, runWords, statusTones, statusWords, triggersWords } from './words.ts'

interface RoutineTableProps {
  readonly routines: readonly RoutineItem[]
  readonly cursor: number
  readonly onEnd: () => void
}

/** The routines with what makes them run, and when they run next. */
export function RoutineTable({ routines, cursor, onEnd }: RoutineTableProps): ReactNode {
  const pathOf = useCompanyPath()
  const { agents } = useChoices()
  const nameOf = (id: string): string => agents.find(({ value }) => value === id)?.label ?? id.slice(0, 8)
  return (
    <DataTable name="Routines" rows={routines} columns={columnsOf(pathOf, nameOf)} keyOf={({ id }) => id} cursor={cursor} onEnd={onEnd} />
  )
}

const Soft = ({ children }: { readonly children: ReactNode }): ReactNode => <span className="soft">{children}</span>

const columnsOf = (pathOf: (path: string) => string, nameOf: (id: string) => string): readonly Column<RoutineItem>[] => [
  {
    key: 'title',
    title: 'Title',
    width: '24%',
    cell: ({ id, title }) => (
      <Link to={pathOf(`routines/${id}`)} title={title}>
        {title}
      </Link>
    ),
  },
  {
    key: 'status',
    title: 'Status',
    width: '186px',
    cell: (routine) => <Status of={routine.status} tone={statusTones[routine.status]} words={statusWords(routine)} />,
  },
  {
    key: 'assignee',
    title: 'Assignee',
    width: '130px',
    cell: ({ assigneeAgentId }) =>
      assigneeAgentId === null ? (
        <Soft>none: a draft</Soft>
      ) : (
        <Link to={pathOf(`agents/${assigneeAgentId}`)}>{nameOf(assigneeAgentId)}</Link>
      ),
  },
  {
    key: 'triggers',
    title: 'Runs',
    isSecondary: true,
    cell: ({ triggers }) =>
      triggers.length === 0 ? <Soft>only by hand</Soft> : <span title={triggersWords(triggers)}>{triggersWords(triggers)}</span>,
  },
  {
    key: 'next',
    title: 'Next time',
    width: '110px',
    cell: (routine) => {
      const next = nextTimeOf(routine)
      return next === null ? <Soft>none</Soft> : <Time at={next} />
    },
  },
  {
    key: 'last',
    title: 'Last run',
    width: '250px',
    isSecondary: true,
    cell: (routine) => <LastRun routine={routine} pathOf={pathOf} />,
  },
]

interface LastRunProps {
  readonly routine: RoutineItem
  readonly pathOf: (path: string) => string
}

function LastRun({ routine: { lastRun, activeIssue }, pathOf }: LastRunProps): ReactNode {
  if (lastRun === null) return <Soft>never</Soft>
  return (
    <>
      <Status of={lastRun.status} {...runWords[lastRun.status]} /> <Time at={lastRun.triggeredAt} />{' '}
      {activeIssue !== null && (
        <Link className="mono" to={pathOf(`issues/${activeIssue.identifier}`)} title={activeIssue.title}>
          {activeIssue.identifier}
        </Link>
      )}
    </>
  )
}
