import { useState } from 'react'
import type { ReactNode } from 'react'
import type { WebhookWithSecret } from '../../api/types.ts'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { notify } from '../../parts/notices.tsx'
import { useCreateWebhook } from './data.ts'
import { blankWebhook, fieldsOf, WebhookFields } from './WebhookFields.tsx'

interface NewWebhookProps {
  /** Gets the webhook with its secret, which is shown once. */
  readonly onMade: (made: WebhookWithSecret) => void
  readonly onClose: () => void
}

/** Makes a webhook. */
export function NewWebhook({ onMade, onClose }: NewWebhookProps): ReactNode {
  const [values, setValues] = useState(blankWebhook)
  const create = useCreateWebhook()
  return (
    <ActDialog
      title="New webhook"
      confirm="Create the webhook"
      onClose={onClose}
      act={async () => {
        onMade(await create(fieldsOf(values)))
        notify('The webhook is made')
      }}
    >
      <p>From now on each event of the company that fits is sent there, signed, in its order, and again until it is received.</p>
      <WebhookFields values={values} onChange={(changes) => setValues((before) => ({ ...before, ...changes }))} isFirst />
    </ActDialog>
  )
}
