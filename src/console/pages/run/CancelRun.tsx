import type { ReactNode } from 'react'
import type { HoldDetail, Run } from '../../api/types.ts'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { notify } from '../../parts/notices.tsx'
import { useCancelRun } from './data.ts'
import { cancelEffects } from './holds.ts'

interface CancelRunProps {
  readonly run: Run
  readonly agentName: string
  /** The issues that it holds. */
  readonly held: readonly HoldDetail[]
  readonly onClose: () => void
}

/** Cancels a run: first what that will do. */
export function CancelRun({ run, agentName, held, onClose }: CancelRunProps): ReactNode {
  const cancel = useCancelRun(run.id)
  return (
    <ActDialog
      title="Cancel the run"
      confirm="Cancel the run"
      dismiss="Keep it running"
      reason="optional"
      isDangerous
      onClose={onClose}
      act={async (reason) => {
        const { status } = await cancel.mutateAsync(reason)
        if (status !== 'cancelled') return notify(`The run had already ended: ${status.replaceAll('_', ' ')}. Nothing was changed.`)
        const free = held.map(({ identifier }) => identifier).join(', ')
        notify(`The run is cancelled.${free === '' ? '' : ` ${free} ${held.length === 1 ? 'is' : 'are'} free.`}`)
      }}
    >
      <p>This ends the run of {agentName} now. It cannot be taken back.</p>
      <ul className="effects">
        {cancelEffects(run, held).map((effect) => (
          <li key={effect}>{effect}</li>
        ))}
      </ul>
    </ActDialog>
  )
}
