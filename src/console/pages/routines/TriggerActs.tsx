import type { ReactNode } from 'react'
import type { RoutineTrigger, TriggerWithSecret } from '../../api/types.ts'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { notify } from '../../parts/notices.tsx'
import { useDeleteTrigger, useRotateTrigger } from './data.ts'
import { kindWords } from './words.ts'

interface TriggerActProps {
  readonly trigger: RoutineTrigger
  readonly onClose: () => void
}

/** Gives a webhook another secret. */
export function RotateTrigger({
  trigger,
  onClose,
  onSecret,
}: TriggerActProps & { readonly onSecret: (made: TriggerWithSecret) => void }): ReactNode {
  const rotate = useRotateTrigger(trigger.id)
  return (
    <ActDialog
      title="A new secret for the webhook"
      confirm="Make a new secret"
      isDangerous
      onClose={onClose}
      act={async () => {
        onSecret(await rotate())
        notify('The webhook has another secret')
      }}
    >
      <p>The secret of now is refused at once, also where a call is on its way. The new one is shown once.</p>
    </ActDialog>
  )
}

/** Deletes a trigger. The record of the runs that it made stays. */
export function DeleteTrigger({ trigger, onClose }: TriggerActProps): ReactNode {
  const remove = useDeleteTrigger(trigger.id)
  const kind = kindWords[trigger.kind]
  return (
    <ActDialog
      title={`Delete the trigger (${kind})`}
      confirm="Delete the trigger"
      isDangerous
      onClose={onClose}
      act={async () => {
        await remove.mutateAsync()
        notify('The trigger is deleted')
      }}
    >
      <p>
        {trigger.kind === 'schedule'
          ? `“${trigger.cronExpression}” makes the routine run no more.`
          : 'Calls of it are refused from now on, and its address is not used again.'}{' '}
        The record of its runs stays.
      </p>
    </ActDialog>
  )
}
