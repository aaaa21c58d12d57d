import type { ReactNode } from 'react'
import { Time } from '../../parts/Time.tsx'
import { TextDiff } from '../../texts/TextDiff.tsx'
import { useNames } from '../activity/names.ts'
import { Sentence } from '../activity/Sentence.tsx'
import type { IssueChanges } from './data.ts'
import type { Conflict } from './saving.ts'
import type { Contest } from './useSave.ts'

interface ContestedProps {
  readonly contest: Contest
  /** Saves the change over the other one. */
  readonly onKeep: () => void
  /** Gives the change up. */
  readonly onYield: () => void
}

/** Says who changed the same field meanwhile, and asks which change is to stay. */
export function Contested({ contest: { conflict, changes }, onKeep, onYield }: ContestedProps): ReactNode {
  const nameOf = useNames(conflict.rows)
  return (
    <div role="alert" className="problem">
      <p>
        <strong>It was changed meanwhile, and your change is not saved.</strong> Nothing that you typed is lost.
      </p>
      {conflict.rows.length === 0 && <p>The activity does not say who changed it.</p>}
      <ul>
        {conflict.rows.map((row) => (
          <li key={row.id}>
            <Sentence row={row} nameOf={nameOf} /> <Time at={row.createdAt} />
          </li>
        ))}
      </ul>
      <Differences conflict={conflict} changes={changes} />
      <div className="row">
        <button type="button" onClick={onKeep}>
          Save mine over it
        </button>
        <button type="button" className="secondary" onClick={onYield}>
          Take the other one
        </button>
      </div>
    </div>
  )
}

const texts = { title: 'Title', description: 'Description' } as const

/** The effect of the other change on the texts. */
function Differences({ conflict: { seen, current }, changes }: { readonly conflict: Conflict; readonly changes: IssueChanges }): ReactNode {
  const fields = (['title', 'description'] as const).filter((field) => field in changes && seen[field] !== current.data[field])
  return fields.map((field) => (
    <div key={field}>
      <p>{texts[field]}, before and after the other change:</p>
      <TextDiff name={`${texts[field]}, changed meanwhile`} before={seen[field] ?? ''} after={current.data[field] ?? ''} />
    </div>
  ))
}
