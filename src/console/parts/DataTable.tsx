import { useWindowVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useLayoutEffect, useRef, useState } from 'react'
import type { CSSProperties, ReactNode, RefObject } from 'react'

/** A column of a table. */
export interface Column<T> {
  readonly key: string
  readonly title: string
  readonly cell: (row: T) => ReactNode
  /** The text of the cell in a copy as CSV; its absence leaves the column out. */
  readonly text?: (row: T) => string
  /** The name of the order in the query of the address, where the column sorts. */
  readonly sorts?: string
  /** Hidden on a telephone. */
  readonly isSecondary?: boolean
  /** Numbers stand to the right. */
  readonly isNumber?: boolean
  /** Its width as CSS has it. Where a column has one, widths do not follow the rows in sight, so that nothing jumps while they scroll. */
  readonly width?: string
}

export interface Selection {
  readonly has: (key: string) => boolean
  readonly toggle: (key: string) => void
  readonly setAll: (isSelected: boolean) => void
}

interface DataTableProps<T> {
  /** Its accessible name. */
  readonly name: string
  readonly rows: readonly T[]
  readonly columns: readonly Column<T>[]
  readonly keyOf: (row: T) => string
  /** The words that name a row, for its box to select. */
  readonly labelOf?: (row: T) => string
  /** The row with the cursor of the keyboard. */
  readonly cursor?: number
  /** A row that is shown although the list has it no more. */
  readonly isFaded?: (row: T) => boolean
  readonly selection?: Selection
  readonly sort?: { readonly by: string; readonly isDescending: boolean; readonly onSort: (by: string) => void }
  /** No row has anything that takes the focus, so the frame takes it: else the keyboard could not scroll a table that is wider than its screen. */
  readonly isPlain?: boolean
  /** Rows of two lines. */
  readonly isTall?: boolean
  /** The least width of a table with columns of given widths on a telephone, where it scrolls in its frame. */
  readonly narrowWidth?: string
  /** Called when the last rows come into sight. */
  readonly onEnd?: () => void
}

/** The height of a row, the same for all, so that a list of any length scrolls. */
const ROW_HEIGHT = 40
const TALL_ROW_HEIGHT = 56
/** The line of the stream and the head of the table stay at the top of the window, and cover this much of it. */
const COVERED_TOP = 72
/** The bar of pages of a telephone covers the bottom. */
const COVERED_BOTTOM = 64

/** How far below the top of the document an element begins. It is measured again when the page that it is in becomes larger or smaller. */
function useTop(element: RefObject<HTMLElement | null>): number {
  const [top, setTop] = useState(0)
  useLayoutEffect(() => {
    let last = 0
    const measure = (): void => {
      if (element.current === null) return
      const measured = Math.round(element.current.getBoundingClientRect().top + scrollY)
      if (Math.abs(measured - last) <= 1) return
      last = measured
      setTop(measured)
    }
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(element.current?.closest('main') ?? document.body)
    return () => observer.disconnect()
  }, [element])
  return top
}

/** A table of rows of one height. Only those in sight are in the document; readers of screens get the whole count. */
export function DataTable<T>(props: DataTableProps<T>): ReactNode {
  const { name, rows, columns, keyOf, cursor = -1, isTall = false, isPlain = false, narrowWidth, onEnd } = props
  const body = useRef<HTMLTableSectionElement>(null)
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => (isTall ? TALL_ROW_HEIGHT : ROW_HEIGHT),
    overscan: 12,
    scrollMargin: useTop(body),
    scrollPaddingStart: COVERED_TOP,
    scrollPaddingEnd: COVERED_BOTTOM,
  })
  const items = virtual.getVirtualItems()
  const last = items.at(-1)?.index ?? -1
  useEffect(() => {
    if (last >= rows.length - 1) onEnd?.()
  }, [last, rows.length, onEnd])
  useEffect(() => {
    if (cursor >= 0) virtual.scrollToIndex(cursor, { align: 'auto' })
  }, [cursor, virtual])
  const before = (items[0]?.start ?? 0) - (items.length > 0 ? virtual.options.scrollMargin : 0)
  const after = items.length > 0 ? virtual.getTotalSize() - ((items.at(-1)?.end ?? 0) - virtual.options.scrollMargin) : 0
  return (
    <div className="table-frame" {...(isPlain ? { tabIndex: 0, role: 'region', 'aria-label': `Table: ${name}` } : {})}>
      <table
        aria-label={name}
        aria-rowcount={rows.length + 1}
        className={`data${columns.some(({ width: own }) => own !== undefined) ? ' fixed' : ''}${isTall ? ' tall' : ''}`}
        style={narrowWidth === undefined ? undefined : ({ '--narrow-width': narrowWidth } as CSSProperties)}
      >
        <Head {...props} />
        <tbody ref={body}>
          {before > 0 && <Spacer height={before} />}
          {items.map(({ index }) => {
            const row = rows[index] as T
            return <Row key={keyOf(row)} row={row} index={index} isAtCursor={index === cursor} table={props} />
          })}
          {after > 0 && <Spacer height={after} />}
        </tbody>
      </table>
    </div>
  )
}

/** It spans no columns: those that a telephone does not show would take their room again. */
const Spacer = ({ height }: { readonly height: number }): ReactNode => (
  <tr aria-hidden="true" style={{ height }}>
    <td />
  </tr>
)

const classOf = <T,>({ isSecondary, isNumber }: Column<T>): string =>
  `${isSecondary === true ? 'secondary ' : ''}${isNumber === true ? 'number' : ''}`

function Head<T>({ columns, selection, sort, rows, keyOf }: DataTableProps<T>): ReactNode {
  const areAllSelected = selection !== undefined && rows.length > 0 && rows.every((row) => selection.has(keyOf(row)))
  return (
    <thead>
      <tr>
        {selection !== undefined && (
          <th scope="col" className="box">
            <input
              type="checkbox"
              aria-label="Select all"
              checked={areAllSelected}
              onChange={({ target }) => selection.setAll(target.checked)}
            />
          </th>
        )}
        {columns.map((column) => {
          const { sorts, title, key } = column
          const isSorted = sorts !== undefined && sort?.by === sorts
          const direction = sort?.isDescending === true ? 'descending' : 'ascending'
          return (
            <th
              key={key}
              scope="col"
              className={classOf(column)}
              style={{ width: column.width }}
              aria-sort={isSorted ? direction : undefined}
            >
              {sorts === undefined || sort === undefined ? (
                title
              ) : (
                <button type="button" className="sort" onClick={() => sort.onSort(sorts)}>
                  {title}
                  <span aria-hidden="true">{isSorted ? (direction === 'descending' ? ' ↓' : ' ↑') : ''}</span>
                </button>
              )}
            </th>
          )
        })}
      </tr>
    </thead>
  )
}

interface RowProps<T> {
  readonly row: T
  readonly index: number
  readonly isAtCursor: boolean
  readonly table: DataTableProps<T>
}

function Row<T>({ row, index, isAtCursor, table }: RowProps<T>): ReactNode {
  const { columns, selection, keyOf, labelOf, isFaded } = table
  const key = keyOf(row)
  const classes = [...(isAtCursor ? ['cursor'] : []), ...(isFaded?.(row) === true ? ['faded'] : [])].join(' ')
  return (
    <tr aria-rowindex={index + 2} className={classes} aria-current={isAtCursor ? 'true' : undefined}>
      {selection !== undefined && (
        <td className="box">
          <input
            type="checkbox"
            aria-label={`Select ${labelOf?.(row) ?? key}`}
            checked={selection.has(key)}
            onChange={() => selection.toggle(key)}
          />
        </td>
      )}
      {columns.map((column) => (
        <td key={column.key} className={classOf(column)}>
          {column.cell(row)}
        </td>
      ))}
    </tr>
  )
}
