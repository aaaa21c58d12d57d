import type { ReactNode } from 'react'
import type { ApiProblem } from '../api/client.ts'
import { Problem } from '../parts/Problem.tsx'
import type { Draft } from '../parts/useDraft.ts'
import { ChangedBy } from './ChangedBy.tsx'

interface SaveDraftProps {
  readonly draft: Pick<Draft<object>, 'isChanged' | 'isOld' | 'reset'>
  /** The act that saves it. */
  readonly act: { readonly error: ApiProblem | null; readonly isPending: boolean; readonly reset: () => void }
  /** The row, as the audit log names it. */
  readonly entityType: string
  readonly entityId: string
  /** The draft cannot be saved as it is: its fields say why. */
  readonly isBlocked?: boolean
}

/** The end of a form over a row: the refusal, who changed the row meanwhile, and the buttons that save and drop what was typed. */
export function SaveDraft({ draft, act, entityType, entityId, isBlocked = false }: SaveDraftProps): ReactNode {
  const { isChanged, isOld, reset } = draft
  const isRefused = act.error?.status === 412
  return (
    <>
      {act.error !== null && <Problem problem={act.error} />}
      {isChanged && (isOld || isRefused) && (
        <div role="status" className="changed-meanwhile">
          <p>It was changed while you were typing. What you typed is kept.</p>
          <ChangedBy entityType={entityType} entityId={entityId} />
        </div>
      )}
      <div className="row">
        <button type="submit" disabled={!isChanged || isBlocked || act.isPending}>
          Save
        </button>
        {isChanged && (
          <button
            type="button"
            className="secondary"
            onClick={() => {
              reset()
              act.reset()
            }}
          >
            {isOld ? 'Drop what I typed, and show the new state' : 'Drop the changes'}
          </button>
        )}
      </div>
    </>
  )
}
