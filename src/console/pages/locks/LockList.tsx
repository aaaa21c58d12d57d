import { useEffect, useMemo, useState } from 'react'
import type { ReactNode } from 'react'
import type { Hold } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { ForceRelease } from '../../holding/ForceRelease.tsx'
import { livenessOf } from '../../holding/liveness.ts'
import { csvOf, download } from '../../parts/csv.ts'
import { DataTable } from '../../parts/DataTable.tsx'
import type { Column } from '../../parts/DataTable.tsx'
import { useNow } from '../../parts/Time.tsx'
import { formatNumber } from '../../parts/time.ts'
import type { SteadyRows } from '../../parts/steadyRows.ts'
import { useSelection } from '../../parts/useSelection.ts'
import { useSteadyRows } from '../../parts/useSteadyRows.ts'
import { setQuery } from '../../router/location.ts'
import { columnsOf } from './columns.tsx'
import { nextSort, worstFirst } from './filters.ts'
import type { LockOrder } from './filters.ts'
import { LockBar } from './LockBar.tsx'
import { useLockKeys } from './useLockKeys.ts'

const idOf = ({ issueId }: Hold): string => issueId
const identifierOf = ({ identifier }: Hold): string => identifier

interface LockListProps {
  /** The holds that match, in their order. */
  readonly holds: readonly Hold[]
  readonly order: LockOrder
  /** Names the list: its filters and its order as a text. */
  readonly list: string
  /** Shown where no row is. */
  readonly children: ReactNode
}

/** The rows as they are shown: in their places while the reader is at them. */
function useRows({ holds, list }: Pick<LockListProps, 'holds' | 'list'>, isReleasing: boolean) {
  const [isPointed, setPointed] = useState(false)
  const [isAtRow, setAtRow] = useState(false)
  const steady = useSteadyRows({ rows: holds, list, keyOf: idOf, hasMore: false, isHeld: isPointed || isAtRow || isReleasing })
  const selection = useSelection(useMemo(() => steady.rows.map(idOf), [steady.rows]))
  const chosen = steady.rows.filter(({ issueId }) => selection.has(issueId))
  const selectAll = (): void => {
    steady.show()
    selection.select(holds.map(idOf))
  }
  return { steady, selection, chosen, selectAll, isAtRow, setAtRow, setPointed }
}

/** The holds as a table, with keys, a selection and the act. Rows stay where they are while the reader is at them. */
export function LockList({ holds, order, list, children }: LockListProps): ReactNode {
  const pathOf = useCompanyPath()
  const [released, setReleased] = useState<readonly Hold[] | null>(null)
  const { steady, selection, chosen, selectAll, isAtRow, setAtRow, setPointed } = useRows({ holds, list }, released !== null)
  const { rows, gone } = steady
  const release = (hold?: Hold): void => {
    const wanted = chosen.length > 0 ? chosen : hold === undefined ? [] : [hold]
    if (wanted.length > 0) setReleased(wanted)
  }
  const close = (hasReleased: boolean): void => {
    setReleased(null)
    if (hasReleased) selection.clear()
  }
  const look = ({ identifier }: Hold): void => setQuery({ look: identifier })
  const { at, setAt } = useLockKeys({ rows, selection, onLook: look, onSelectAll: selectAll, onRelease: release })
  useEffect(() => setAt(-1), [list, setAt])
  const isAway = at < 0 && chosen.length === 0
  if (isAway === isAtRow) setAtRow(!isAway)
  const columns = columnsOf({ pathOf, onLook: look, onRelease: chosen.length > 0 ? null : release })
  return (
    <div
      className="locks"
      onPointerEnter={({ pointerType }) => setPointed(pointerType === 'mouse')}
      onPointerLeave={() => setPointed(false)}
    >
      {rows.length === 0 ? children : <LockLine steady={steady} order={order} columns={columns} />}
      {rows.length > 0 && (
        <DataTable
          name="Locks"
          isTall
          {...{ rows, columns, selection, keyOf: idOf, labelOf: identifierOf, cursor: at }}
          isFaded={({ issueId }) => gone.has(issueId)}
          sort={{ ...order, onSort: (by) => setQuery({ sort: nextSort(order, by) }) }}
        />
      )}
      <LockBar selection={selection} count={chosen.length} total={holds.length} onRelease={release} onSelectAll={selectAll} />
      {released !== null && <ForceRelease holds={released} onClose={close} />}
    </div>
  )
}

interface LockLineProps {
  readonly steady: SteadyRows<Hold> & { readonly show: () => void }
  readonly order: LockOrder
  readonly columns: readonly Column<Hold>[]
}

/** The line above the rows: how many there are, how many of them do not live, and what has come in behind them. */
function LockLine({ steady: { rows, added, gone, show }, order, columns }: LockLineProps): ReactNode {
  const now = useNow()
  const states = rows.map((hold) => livenessOf(hold, now).state)
  const [dead, silent] = (['dead', 'silent'] as const).map((wanted) => states.filter((state) => state === wanted).length)
  const news = [
    ...(added > 0 ? [`${formatNumber(added)} new`] : []),
    ...(gone.size > 0 ? [`${formatNumber(gone.size)} not held any more`] : []),
  ]
  return (
    <div className="list-line">
      <p>
        {formatNumber(rows.length)} {rows.length === 1 ? 'hold' : 'holds'}: {formatNumber(dead ?? 0)} dead, {formatNumber(silent ?? 0)}{' '}
        silent
        {order.by === worstFirst.by && !order.isDescending && <span className="soft">, the worst first</span>}
      </p>
      {news.length > 0 && (
        <button type="button" className="secondary" onClick={show}>
          {news.join(', ')}: show
        </button>
      )}
      <button
        type="button"
        className="quiet"
        title="The rows that match, as CSV"
        onClick={() => download('locks.csv', csvOf(rows, columns))}
      >
        CSV
      </button>
    </div>
  )
}
