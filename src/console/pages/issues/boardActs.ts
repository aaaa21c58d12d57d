import type { DragEvent } from 'react'
import type { EditField } from './edits.tsx'
import type { IssueRow, IssueStatus } from './filters.ts'

/** The acts of the cards of a board. */
export interface BoardActs {
  readonly edit: (row: IssueRow, field: EditField) => void
  readonly move: (row: IssueRow, status: IssueStatus) => void
  readonly focus: (id: string) => void
  /** Makes a card known to the keys. */
  readonly know: (row: IssueRow) => void
}

/** The data that a dragged card carries. */
export const CARD_TYPE = 'application/x-paperclip-issue'

/** Lets a dragged card carry its row. */
export const carry = (event: DragEvent, row: IssueRow): void => {
  event.dataTransfer.setData(CARD_TYPE, JSON.stringify(row))
  event.dataTransfer.effectAllowed = 'move'
}
