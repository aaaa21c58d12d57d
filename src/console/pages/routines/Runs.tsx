import { useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { RoutineRunItem } from '../../api/types.ts'
import { DataTable } from '../../parts/DataTable.tsx'
import type { Column } from '../../parts/DataTable.tsx'
import { Empty, Skeleton } from '../../parts/Empty.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Status } from '../../parts/Status.tsx'
import { Time } from '../../parts/Time.tsx'
import { useRoutineRuns } from './data.ts'
import { IssueRef } from './RoutineFacts.tsx'
import { kindWords, runWords, sourceWords } from './words.ts'

const FEW = 25
/** The most that the server shows. */
const MOST = 200

/** The last runs of a routine: what made each of them, and what came of it. */
export function Runs({ routineId }: { readonly routineId: string }): ReactNode {
  const [limit, setLimit] = useState(FEW)
  const read = useRoutineRuns(routineId, limit)
  const runs = read.data?.data
  return (
    <section aria-labelledby="runs">
      <h2 id="runs">Runs</h2>
      {read.error !== null && <Problem problem={read.error} retry={() => inBackground(read.refetch())} />}
      {runs === undefined ? (
        read.error === null && <Skeleton lines={4} />
      ) : runs.length === 0 ? (
        <Empty title="It has not run yet." />
      ) : (
        <DataTable name="Runs" rows={runs} columns={columns} keyOf={({ id }) => id} isPlain />
      )}
      {runs !== undefined && runs.length === FEW && limit === FEW && (
        <button type="button" className="secondary routine-more" onClick={() => setLimit(MOST)}>
          Show up to {MOST} runs
        </button>
      )}
    </section>
  )
}

const triggerWords = ({ trigger, source }: RoutineRunItem): string =>
  trigger === null ? sourceWords[source] : `${sourceWords[source]}: ${trigger.label ?? kindWords[trigger.kind]}`

const columns: readonly Column<RoutineRunItem>[] = [
  {
    key: 'status',
    title: 'Outcome',
    width: '160px',
    cell: ({ status, failureReason }) => (
      <span title={failureReason ?? undefined}>
        <Status of={status} {...runWords[status]} />
      </span>
    ),
  },
  { key: 'at', title: 'When', width: '110px', cell: ({ dueAt, triggeredAt }) => <Time at={dueAt ?? triggeredAt} /> },
  { key: 'source', title: 'Started', isSecondary: true, width: '22%', cell: triggerWords },
  {
    key: 'issue',
    title: 'Issue, or why there is none',
    cell: ({ status, linkedIssue, failureReason }) =>
      linkedIssue === null || status === 'skipped' ? (
        <span className="soft" title={failureReason ?? undefined}>
          {failureReason ?? 'none'}
        </span>
      ) : (
        <IssueRef issue={linkedIssue} />
      ),
  },
]
