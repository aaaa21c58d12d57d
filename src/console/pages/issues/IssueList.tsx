import { useMemo, useState } from 'react'
import type { ReactNode } from 'react'
import type { PagesRead } from '../../api/reads.ts'
import { useCompany, useCompanyPath } from '../../frame/company.tsx'
import { DataTable } from '../../parts/DataTable.tsx'
import type { Column } from '../../parts/DataTable.tsx'
import { Empty, Skeleton } from '../../parts/Empty.tsx'
import { Problem } from '../../parts/Problem.tsx'
import type { SteadyRows } from '../../parts/steadyRows.ts'
import { useSelection } from '../../parts/useSelection.ts'
import type { RowSelection } from '../../parts/useSelection.ts'
import { useSteadyRows } from '../../parts/useSteadyRows.ts'
import { BulkBar } from './BulkBar.tsx'
import { BulkDialog } from './BulkDialog.tsx'
import type { BulkField } from './bulk.ts'
import { columnsOf } from './columns.tsx'
import { useIssues } from './data.ts'
import { EditDialog } from './EditDialog.tsx'
import type { EditField } from './edits.tsx'
import type { Filter, IssueRow } from './filters.ts'
import { ListLine } from './ListLine.tsx'
import type { Names } from './names.ts'
import { PeekDrawer } from './PeekDrawer.tsx'
import { useIssueKeys } from './useIssueKeys.ts'

const idOf = ({ id }: IssueRow): string => id
const identifierOf = ({ identifier }: IssueRow): string => identifier

interface IssueListProps {
  readonly filter: Filter
  readonly names: Names
  /** Names the list: its filters as a text. */
  readonly list: string
  readonly onCreate: () => void
}

/** The issues that match, as a table. */
export function IssueList({ filter, names, list, onCreate }: IssueListProps): ReactNode {
  const read = useIssues(useCompany().id, filter)
  if (read.isLoading && read.problem === null) return <Skeleton lines={10} />
  return (
    <>
      {read.problem !== null && <Problem problem={read.problem} retry={read.retry} />}
      <IssueRows key={list} read={read} names={names} onCreate={onCreate} />
    </>
  )
}

const NoIssues = ({ onCreate }: { readonly onCreate: () => void }): ReactNode => (
  <Empty title="No issue matches these filters.">
    <p>Choose another view, remove a filter, or create the first issue of its kind.</p>
    <button type="button" onClick={onCreate}>
      Create issue
    </button>
  </Empty>
)

interface TableProps {
  readonly steady: SteadyRows<IssueRow>
  readonly columns: readonly Column<IssueRow>[]
  readonly cursor: number
  readonly selection: RowSelection
  readonly onEnd: () => void
}

const Table = ({ steady: { rows, gone }, ...rest }: TableProps): ReactNode => (
  <DataTable name="Issues" rows={rows} keyOf={idOf} labelOf={identifierOf} isFaded={({ id }) => gone.has(id)} {...rest} />
)

/** A field of one row that is being changed. */
interface Edited {
  readonly row: IssueRow
  readonly field: EditField
}

interface IssueRowsProps {
  readonly read: PagesRead<IssueRow>
  readonly names: Names
  readonly onCreate: () => void
}

/** The rows, with keys, a selection, and changes in place. Rows stay where they are while the reader is at them. */
function IssueRows({ read, names, onCreate }: IssueRowsProps): ReactNode {
  const pathOf = useCompanyPath()
  const [isPointed, setPointed] = useState(false)
  const [isAtRow, setAtRow] = useState(false)
  const [edited, setEdited] = useState<Edited | null>(null)
  const [bulk, setBulk] = useState<BulkField | null>(null)
  const [peeked, setPeeked] = useState<IssueRow | null>(null)
  const isHeld = isPointed || isAtRow || edited !== null || bulk !== null
  const steady = useSteadyRows({ rows: read.rows, list: read.isPrevious ? 'before' : 'own', keyOf: idOf, hasMore: read.hasMore, isHeld })
  const { rows } = steady
  const selection = useSelection(useMemo(() => rows.map(idOf), [rows]))
  const keys = useIssueKeys({ rows, read, selection, onEdit: setEdited, onBulk: setBulk, onPeek: setPeeked })
  const isAway = keys.at < 0 && selection.selected.size === 0
  if (isAway === isAtRow) setAtRow(!isAway)
  const show = (): void => {
    steady.show()
    selection.select(read.rows.map(idOf).filter(selection.has))
  }
  const columns = columnsOf({ names, pathOf, onEdit: (row, field) => setEdited({ row, field }) })
  return (
    <>
      <ListLine read={read} steady={steady} onShow={show} columns={columns} isReadingAll={keys.isReadingAll} />
      <div
        className={read.isPrevious ? 'issue-rows old' : 'issue-rows'}
        onPointerEnter={({ pointerType }) => setPointed(pointerType === 'mouse')}
        onPointerLeave={() => setPointed(false)}
      >
        {rows.length > 0 && <Table steady={steady} columns={columns} cursor={keys.at} selection={selection} onEnd={read.loadMore} />}
        {rows.length === 0 && read.problem === null && <NoIssues onCreate={onCreate} />}
      </div>
      {read.isLoadingMore && <Skeleton lines={2} />}
      <BulkBar
        selection={selection}
        hasMore={read.hasMore}
        onField={setBulk}
        onSelectAll={keys.selectAll}
        isReadingAll={keys.isReadingAll}
      />
      {peeked !== null && <PeekDrawer row={peeked} names={names} onClose={() => setPeeked(null)} />}
      {edited !== null && <EditDialog {...edited} names={names} onClose={() => setEdited(null)} />}
      {bulk !== null && (
        <BulkDialog
          field={bulk}
          rows={rows.filter(({ id }) => selection.has(id))}
          names={names}
          onDone={selection.select}
          onClose={() => setBulk(null)}
        />
      )}
    </>
  )
}
