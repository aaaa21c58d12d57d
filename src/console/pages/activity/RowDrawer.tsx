import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import type { ApiProblem } from '../../api/client.ts'
import type { Activity } from '../../api/types.ts'
import { useCompany, useCompanyPath } from '../../frame/company.tsx'
import { Dialog } from '../../parts/Dialog.tsx'
import { Skeleton } from '../../parts/Empty.tsx'
import { Fact, Facts } from '../../parts/Facts.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { exactTime } from '../../parts/time.ts'
import { Time } from '../../parts/Time.tsx'
import { Link } from '../../router/Link.tsx'
import { Json } from '../../texts/Json.tsx'
import { VisibleText } from '../../texts/VisibleText.tsx'
import { readRow } from './data.ts'
import { useNames } from './names.ts'
import { Sentence } from './Sentence.tsx'

interface RowDrawerProps {
  readonly id: string
  /** The time of the row, by which it is found when no list has it. */
  readonly at: string | null
  readonly rows: readonly Activity[]
  readonly onClose: () => void
}

/** One row of the log: its sentence, and its fields as they are. */
export function RowDrawer({ id, at, rows, onClose }: RowDrawerProps): ReactNode {
  const company = useCompany()
  const listed = rows.find((row) => row.id === id)
  const read = useQuery<Activity | null, ApiProblem>({
    queryKey: ['activityRow', company.id, id],
    queryFn: () => readRow(company.id, id, at ?? ''),
    enabled: listed === undefined && at !== null,
  })
  const row = listed ?? read.data ?? undefined
  return (
    <Dialog title="One row of the log" kind="drawer" onClose={onClose}>
      {row !== undefined ? (
        <RowFields row={row} />
      ) : read.error !== null ? (
        <Problem problem={read.error} />
      ) : at === null || read.data === null ? (
        <p>There is no such row, or it is about an issue that is hidden.</p>
      ) : (
        <Skeleton lines={6} />
      )}
    </Dialog>
  )
}

/** The filter that shows everything about what a row is about. */
const aboutPath = ({ entityType, entityId }: Activity): string => `activity?${new URLSearchParams({ entityType, entityId }).toString()}`

function RowFields({ row }: { readonly row: Activity }): ReactNode {
  const nameOf = useNames([row])
  const pathOf = useCompanyPath()
  return (
    <div className="stack">
      <p className="what">
        <Sentence row={row} nameOf={nameOf} />
      </p>
      <RowFacts row={row} />
      <h3>Details as they are</h3>
      <Json name="Details of the row" value={row.details} />
      <p className="row">
        <Link to={pathOf(aboutPath(row))}>Everything about this {row.entityType.replaceAll('_', ' ')}</Link>
        {row.runId !== null && <Link to={pathOf(`activity?runId=${row.runId}`)}>Everything in this run</Link>}
      </p>
    </div>
  )
}

const RowFacts = ({ row }: { readonly row: Activity }): ReactNode => (
  <Facts>
    <Fact name="When">
      <Time at={row.createdAt} />, {exactTime(Date.parse(row.createdAt))}
    </Fact>
    <Fact name="Action">
      <code>{row.action}</code>
    </Fact>
    <Fact name="By">
      {row.actorType}{' '}
      <code>
        <VisibleText text={row.actorId} />
      </code>
    </Fact>
    <Fact name="About">
      {row.entityType}{' '}
      <code>
        <VisibleText text={row.entityId} />
      </code>
    </Fact>
    {row.agentId !== null && (
      <Fact name="Agent">
        <code>{row.agentId}</code>
      </Fact>
    )}
    {row.runId !== null && (
      <Fact name="Run">
        <code>{row.runId}</code>
      </Fact>
    )}
    <Fact name="Row">
      number {row.seq}, <code>{row.id}</code>
    </Fact>
  </Facts>
)
