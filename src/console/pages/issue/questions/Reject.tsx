import { useState } from 'react'
import type { ReactNode } from 'react'
import type { Interaction } from '../../../api/types.ts'
import { ActDialog } from '../../../parts/ActDialog.tsx'
import { notify } from '../../../parts/notices.tsx'
import { useAct } from '../../../api/acts.ts'
import { CHANGED, resolveInteraction } from '../data.ts'

interface RejectProps {
  readonly interaction: Interaction
  readonly words: string
  readonly needsReason: boolean
  readonly children: ReactNode
}

/** Rejects a question, with a reason that the agent reads. */
export function Reject({ interaction, words, needsReason, children }: RejectProps): ReactNode {
  const [isOpen, setOpen] = useState(false)
  const act = useAct([...CHANGED], (reason: string) => resolveInteraction(interaction, 'reject', { reason: reason === '' ? null : reason }))
  return (
    <>
      <button type="button" className="secondary" onClick={() => setOpen(true)}>
        {words}
      </button>
      {isOpen && (
        <ActDialog
          title={words}
          confirm={words}
          reason={needsReason ? 'required' : 'optional'}
          act={async (reason) => {
            await act.mutateAsync(reason)
            notify('The answer is sent.')
          }}
          onClose={() => setOpen(false)}
        >
          {children}
        </ActDialog>
      )}
    </>
  )
}
