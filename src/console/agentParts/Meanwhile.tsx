import type { ReactNode } from 'react'
import type { Activity } from '../api/types.ts'
import { useNames } from '../pages/activity/names.ts'
import { Sentence } from '../pages/activity/Sentence.tsx'
import { Time } from '../parts/Time.tsx'

/** An audit row as a sentence, with its time. */
export function ActLine({ act }: { readonly act: Activity }): ReactNode {
  const nameOf = useNames([act])
  return (
    <>
      <Sentence row={act} nameOf={nameOf} />, <Time at={act.createdAt} />
    </>
  )
}

/** Says that another operator was first, while the dialog was open. @param act the audit row of the other, where it is known */
export function Meanwhile({ act }: { readonly act: Activity | undefined }): ReactNode {
  return (
    <div className="note" role="status">
      <p>{act === undefined ? 'Another operator was first' : <ActLine act={act} />}. There is nothing left to do here.</p>
    </div>
  )
}
