import type { ReactNode } from 'react'
import type { Answer } from '../../api/client.ts'
import type { Webhook, WebhookDelivery } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { notify } from '../../parts/notices.tsx'
import { go } from '../../router/location.ts'
import { useChangeWebhook, useDeleteWebhook, useReplay } from './data.ts'
import { RotateSecret } from './RotateSecret.tsx'
import { TestDialog } from './TestDialog.tsx'

/** An act of the page of a webhook, which opens its dialog. */
export type WebhookAct =
  | { readonly kind: 'disable' | 'delete' | 'rotate' | 'test' | 'resume' }
  | { readonly kind: 'replay'; readonly delivery: WebhookDelivery }

interface ActProps {
  readonly answer: Answer<Webhook>
  readonly onClose: () => void
}

/** The dialog of an act. */
export function WebhookActs({ act, answer, onClose }: ActProps & { readonly act: WebhookAct }): ReactNode {
  const shared = { answer, onClose }
  const [webhook, webhookId] = [answer.data, answer.data.id]
  switch (act.kind) {
    case 'disable':
      return <Disable {...shared} />
    case 'delete':
      return <Delete {...shared} />
    case 'rotate':
      return <RotateSecret webhookId={webhookId} onClose={onClose} />
    case 'test':
      return <TestDialog webhookId={webhookId} onClose={onClose} />
    case 'resume':
      return <Resume webhook={webhook} onClose={onClose} />
    case 'replay':
      return <Replay webhook={webhook} delivery={act.delivery} onClose={onClose} />
  }
}

function Disable({ answer, onClose }: ActProps): ReactNode {
  const change = useChangeWebhook(answer.data.id)
  return (
    <ActDialog
      title="Disable the webhook"
      confirm="Disable"
      onClose={onClose}
      act={async () => {
        await change.mutateAsync({ fields: { status: 'disabled' }, etag: answer.etag })
        notify('The webhook is disabled')
      }}
    >
      <p>Nothing is sent until it is resumed. Nothing is skipped either: it goes on where it stood.</p>
    </ActDialog>
  )
}

function Delete({ answer, onClose }: ActProps): ReactNode {
  const remove = useDeleteWebhook(answer.data.id)
  const pathOf = useCompanyPath()
  return (
    <ActDialog
      title="Delete the webhook"
      confirm="Delete the webhook"
      isDangerous
      onClose={onClose}
      act={async () => {
        await remove.mutateAsync()
        notify('The webhook is deleted')
        go(pathOf('webhooks'), { replaces: true })
      }}
    >
      <ul>
        <li>Nothing is sent to {new URL(answer.data.url).host} any more, also not what waits now.</li>
        <li>The record of its deliveries and its secret are deleted with it. Disable it instead to keep them.</li>
      </ul>
    </ActDialog>
  )
}

interface ResumeProps {
  readonly webhook: Webhook
  readonly onClose: () => void
}

function Resume({ webhook, onClose }: ResumeProps): ReactNode {
  const replay = useReplay(webhook.id)
  return (
    <ActDialog
      title="Resume the webhook"
      confirm="Resume"
      onClose={onClose}
      act={async () => {
        await replay.mutateAsync(null)
        notify('The webhook delivers again')
      }}
    >
      <p>It goes on where it stood: what waits is delivered in its order, the oldest first, and nothing is left out.</p>
    </ActDialog>
  )
}

function Replay({ webhook, delivery, onClose }: ResumeProps & { readonly delivery: WebhookDelivery }): ReactNode {
  const replay = useReplay(webhook.id)
  return (
    <ActDialog
      title="Deliver again"
      confirm="Deliver again"
      isDangerous
      onClose={onClose}
      act={async () => {
        await replay.mutateAsync(delivery.cursor)
        notify('The webhook delivers again from there')
      }}
    >
      <ul>
        <li>
          Every event after this <code>{delivery.event}</code> is delivered again, in its order. Each message has the id that it had before.
        </li>
        <li>
          {webhook.status === 'active' ? 'What waits now comes behind them.' : `The webhook is ${webhook.status} now, and is active again.`}
        </li>
      </ul>
    </ActDialog>
  )
}
