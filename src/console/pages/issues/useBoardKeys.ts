import type { RefObject } from 'react'
import { useCompanyPath } from '../../frame/company.tsx'
import { useKeys } from '../../keys/keys.ts'
import { go } from '../../router/location.ts'
import type { BoardActs } from './boardActs.ts'
import { editFields } from './edits.tsx'
import type { IssueRow, IssueStatus } from './filters.ts'

interface BoardKeyOptions {
  readonly board: RefObject<HTMLElement | null>
  readonly rows: RefObject<ReadonlyMap<string, IssueRow>>
  /** The statuses that are shown, in their order. */
  readonly columns: readonly IssueStatus[]
  readonly cursor: string | null
  readonly acts: BoardActs
}

/** The keys of a board: `j` and `k` move in a column, `h` and `l` between columns, `H` and `L` take the card along. */
export function useBoardKeys({ board, rows, columns, cursor, acts }: BoardKeyOptions): void {
  const pathOf = useCompanyPath()
  const idsByColumn = (): string[][] =>
    [...(board.current?.querySelectorAll('[data-column]') ?? [])].map((column) =>
      [...column.querySelectorAll<HTMLElement>('[data-card]')].map((card) => card.dataset['card'] ?? ''),
    )
  const step = (columnsBy: number, cardsBy: number): void => {
    const ids = idsByColumn()
    const at = ids.findIndex((column) => cursor !== null && column.includes(cursor))
    if (at < 0) {
      const first = ids.find((column) => column.length > 0)?.[0]
      if (first !== undefined) acts.focus(first)
      return
    }
    const place = ids[at]?.indexOf(cursor ?? '') ?? 0
    let target = at + columnsBy
    // Empty columns are passed over.
    while (columnsBy !== 0 && ids[target]?.length === 0) target += columnsBy
    const column = ids[target]
    const next = column?.[Math.max(0, Math.min(column.length - 1, place + cardsBy))]
    if (next !== undefined) acts.focus(next)
  }
  const onCard = (act: (row: IssueRow) => void) => (): void => {
    const row = cursor === null ? undefined : rows.current.get(cursor)
    if (row !== undefined) act(row)
  }
  const shift = (by: number) => (row: IssueRow) => {
    const status = columns[columns.indexOf(row.status) + by]
    if (status !== undefined) acts.move(row, status)
  }
  useKeys('Board of issues', [
    { keys: 'j', label: 'Next card', run: () => step(0, 1) },
    { keys: 'k', label: 'Previous card', run: () => step(0, -1) },
    { keys: 'l', label: 'Next column', run: () => step(1, 0) },
    { keys: 'h', label: 'Previous column', run: () => step(-1, 0) },
    { keys: 'L', label: 'Move the card to the next column', run: onCard(shift(1)) },
    { keys: 'H', label: 'Move the card to the previous column', run: onCard(shift(-1)) },
    { keys: 'enter', label: 'Open the issue', run: onCard((row) => go(pathOf(`issues/${row.identifier}`))) },
    ...editFields.map(({ field, keys }) => ({
      keys,
      label: `Change the ${field} of the card`,
      run: onCard((row) => acts.edit(row, field)),
    })),
  ])
}
