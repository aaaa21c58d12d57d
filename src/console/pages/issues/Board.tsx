import { useRef, useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { ApiProblem } from '../../api/client.ts'
import { useCompany } from '../../frame/company.tsx'
import { notify } from '../../parts/notices.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { wordsOf } from '../../parts/Status.tsx'
import type { BoardActs } from './boardActs.ts'
import { BoardColumn } from './BoardColumn.tsx'
import { presentRow, useChangeIssue } from './data.ts'
import { EditDialog } from './EditDialog.tsx'
import type { EditField } from './edits.tsx'
import { statuses, valuesOf } from './filters.ts'
import type { Filter, IssueRow, IssueStatus } from './filters.ts'
import { LaterChange } from './LaterChange.tsx'
import type { Names } from './names.ts'
import { useBoardKeys } from './useBoardKeys.ts'

/** A move that the server has refused. */
interface Refused {
  readonly row: IssueRow
  readonly status: IssueStatus
  readonly problem: ApiProblem
}

/** The issues that match, as a board: a column for each status. A card moves by keys, by its menu, and by dragging. */
export function Board({ filter, names }: { readonly filter: Filter; readonly names: Names }): ReactNode {
  const change = useChangeIssue(useCompany().id)
  const board = useRef<HTMLDivElement>(null)
  const rows = useRef(new Map<string, IssueRow>())
  const [cursor, setCursor] = useState<string | null>(null)
  const [moving, setMoving] = useState<string | null>(null)
  const [refused, setRefused] = useState<Refused | null>(null)
  const [edited, setEdited] = useState<{ readonly row: IssueRow; readonly field: EditField } | null>(null)
  const move = async (row: IssueRow, status: IssueStatus): Promise<void> => {
    if (row.status === status) return
    setRefused(null)
    setMoving(row.id)
    try {
      await change(row, { status })
      notify(`${row.identifier} is now ${wordsOf(status)}.`)
    } catch (error) {
      setRefused({ row, status, problem: error as ApiProblem })
    } finally {
      setMoving(null)
    }
  }
  const acts: BoardActs = {
    edit: (row, field) => setEdited({ row, field }),
    move: (row, status) => inBackground(move(row, status)),
    focus: setCursor,
    know: (row) => void rows.current.set(row.id, row),
  }
  const shown = valuesOf(filter.status, statuses)
  const columns = shown.length === 0 ? statuses : shown
  useBoardKeys({ board, rows, columns, cursor, acts })
  return (
    <>
      {refused !== null && <RefusedMove refused={refused} names={names} onAgain={acts.move} onClose={() => setRefused(null)} />}
      <div ref={board} className="board" role="group" aria-label="Board of issues by status">
        {columns.map((status) => (
          <BoardColumn key={status} status={status} filter={filter} names={names} acts={acts} cursor={cursor} moving={moving} />
        ))}
      </div>
      {edited !== null && <EditDialog {...edited} names={names} onClose={() => setEdited(null)} />}
    </>
  )
}

interface RefusedMoveProps {
  readonly refused: Refused
  readonly names: Names
  readonly onAgain: (row: IssueRow, status: IssueStatus) => void
  readonly onClose: () => void
}

/** Why a card stays in its column. */
function RefusedMove({ refused: { row, status, problem }, names, onAgain, onClose }: RefusedMoveProps): ReactNode {
  const now = presentRow(problem)
  const present = { ...row, ...now }
  return (
    <div className="refused-move">
      <p>
        <span className="mono">{row.identifier}</span> stays {wordsOf(row.status)}. It cannot become {wordsOf(status)}:
      </p>
      <Problem problem={problem} />
      {now !== null && <LaterChange before={row} now={present} names={names} onAgain={() => onAgain(present, status)} />}
      <button type="button" className="quiet" onClick={onClose}>
        Close this message
      </button>
    </div>
  )
}
