import type { Activity } from '../../api/types.ts'
import type { Column } from '../../parts/DataTable.tsx'
import { Time } from '../../parts/Time.tsx'
import { Sentence } from './Sentence.tsx'
import { sentenceOf, sentenceText } from './sentences.ts'
import type { NameOf } from './sentences.ts'

/** The columns of the log. */
export const columnsOf = (nameOf: NameOf, open: (row: Activity) => void): readonly Column<Activity>[] => [
  { key: 'when', title: 'When', cell: ({ createdAt }) => <Time at={createdAt} /> },
  { key: 'what', title: 'What happened', cell: (row) => <Sentence row={row} nameOf={nameOf} /> },
  { key: 'action', title: 'Action', isSecondary: true, cell: ({ action }) => <code>{action}</code> },
  {
    key: 'details',
    title: 'Details',
    cell: (row) => (
      <button type="button" className="quiet" onClick={() => open(row)}>
        Open<span className="hidden"> the details: {sentenceText(sentenceOf(row), nameOf)}</span>
      </button>
    ),
  },
]
