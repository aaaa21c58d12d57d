import { useState } from 'react'
import type { ReactNode } from 'react'
import type { RoutineTrigger, TriggerWithSecret } from '../../api/types.ts'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { notify } from '../../parts/notices.tsx'
import { useChangeTrigger, useCreateTrigger } from './data.ts'
import { TriggerFields } from './TriggerFields.tsx'
import { formOf, newTrigger, triggerBody } from './triggerForm.ts'
import type { TriggerForm } from './triggerForm.ts'

interface NewTriggerProps {
  readonly routineId: string
  /** Gets the trigger with the secret of a webhook, which is shown once. */
  readonly onSecret: (made: TriggerWithSecret) => void
  readonly onClose: () => void
}

/** Adds a trigger to a routine. */
export function NewTrigger({ routineId, onSecret, onClose }: NewTriggerProps): ReactNode {
  const [form, setForm] = useState<TriggerForm>(() => newTrigger(Intl.DateTimeFormat().resolvedOptions().timeZone))
  const create = useCreateTrigger(routineId)
  return (
    <ActDialog
      title="Add a trigger"
      confirm="Add the trigger"
      onClose={onClose}
      act={async () => {
        const made = await create(triggerBody(form, true))
        if (made.secretMaterial !== null) onSecret(made)
        notify('The trigger is added')
      }}
    >
      <TriggerFields form={form} isNew onChange={(changes) => setForm((before) => ({ ...before, ...changes }))} />
    </ActDialog>
  )
}

interface EditTriggerProps {
  readonly trigger: RoutineTrigger
  readonly onClose: () => void
}

/** Changes a trigger, or turns it off. */
export function EditTrigger({ trigger, onClose }: EditTriggerProps): ReactNode {
  const [form, setForm] = useState<TriggerForm>(() => formOf(trigger))
  const change = useChangeTrigger(trigger.id)
  return (
    <ActDialog
      title="Edit the trigger"
      confirm="Save"
      onClose={onClose}
      act={async () => {
        await change.mutateAsync(triggerBody(form, false))
        notify('The trigger is saved')
      }}
    >
      <TriggerFields form={form} isNew={false} onChange={(changes) => setForm((before) => ({ ...before, ...changes }))} />
    </ActDialog>
  )
}
