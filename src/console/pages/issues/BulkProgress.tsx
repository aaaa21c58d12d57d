import type { ReactNode } from 'react'
import { Problem } from '../../parts/Problem.tsx'
import { Status } from '../../parts/Status.tsx'
import { formatNumber } from '../../parts/time.ts'
import type { BulkRun, RowProgress } from './bulk.ts'
import { issuesWord } from './changes.ts'
import type { IssueRow } from './filters.ts'
import { LaterChange } from './LaterChange.tsx'
import type { Names } from './names.ts'

interface BulkProgressProps {
  readonly run: BulkRun
  /** The rows as they were selected. */
  readonly before: readonly IssueRow[]
  readonly names: Names
  readonly onClose: () => void
}

/** The most rows that are listed: refused ones first. */
const MOST_LISTED = 200

const order: readonly RowProgress['state'][] = ['refused', 'working', 'waiting', 'changed']

const count = (rows: readonly RowProgress[], ...states: readonly RowProgress['state'][]): number =>
  rows.filter(({ state }) => states.includes(state)).length

/** How far the change of many rows is: a bar, each row, each refusal in the server's words, and a way to try those again. */
export function BulkProgress({ run, before, names, onClose }: BulkProgressProps): ReactNode {
  const { rows, isRunning } = run
  const [changed, refused, left] = [count(rows, 'changed'), count(rows, 'refused'), count(rows, 'waiting', 'working')]
  const listed = rows.toSorted((one, other) => order.indexOf(one.state) - order.indexOf(other.state)).slice(0, MOST_LISTED)
  return (
    <>
      <progress max={rows.length} value={changed + refused} aria-label="Issues that are done" />
      <p role="status">
        {formatNumber(changed)} of {formatNumber(rows.length)} changed
        {refused > 0 && `, ${formatNumber(refused)} refused`}
        {left > 0 && !isRunning && `, ${formatNumber(left)} left as they were`}.
      </p>
      <ul className="progress-rows" aria-label="Progress by issue" tabIndex={0}>
        {listed.map((progress) => (
          <ProgressRow
            key={progress.row.id}
            progress={progress}
            before={before.find(({ id }) => id === progress.row.id) ?? progress.row}
            names={names}
          />
        ))}
        {rows.length > listed.length && <li className="soft">and {issuesWord(rows.length - listed.length)} more</li>}
      </ul>
      <footer>
        {isRunning && (
          <button type="button" className="secondary" onClick={run.stop}>
            Stop
          </button>
        )}
        {!isRunning && refused + left > 0 && (
          <button type="button" className="secondary" onClick={run.retry}>
            {refused > 0 ? `Try ${issuesWord(refused + left)} again` : `Go on with ${issuesWord(left)}`}
          </button>
        )}
        <button type="button" disabled={isRunning} onClick={onClose}>
          Close
        </button>
      </footer>
    </>
  )
}

interface ProgressRowProps {
  readonly progress: RowProgress
  readonly before: IssueRow
  readonly names: Names
}

const shownAs = {
  waiting: <Status of="waiting" tone="quiet" />,
  working: <Status of="changing" tone="busy" />,
  changed: <Status of="changed" tone="good" />,
  refused: <Status of="refused" tone="bad" />,
}

function ProgressRow({ progress: { row, state, problem }, before, names }: ProgressRowProps): ReactNode {
  return (
    <li>
      <p>
        <span className="mono">{row.identifier}</span> <span className="title">{row.title}</span> {shownAs[state]}
      </p>
      {problem !== null && <Problem problem={problem} />}
      {problem?.code === 'precondition_failed' && <LaterChange before={before} now={row} names={names} />}
    </li>
  )
}
