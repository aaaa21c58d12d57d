import type { ReactNode } from 'react'
import { TextField } from '../../parts/fields.tsx'
import type { Webhook } from '../../api/types.ts'
import type { WebhookFields as Fields } from './data.ts'
import { patternsIn, patternsText } from './words.ts'

/** The fields of a webhook while they are typed. */
export interface WebhookValues {
  readonly url: string
  readonly events: string
  readonly description: string
}

export const blankWebhook: WebhookValues = { url: '', events: '*', description: '' }

export const valuesOf = ({ url, events, description }: Webhook): WebhookValues => ({
  url,
  events: patternsText(events),
  description: description ?? '',
})

export const fieldsOf = ({ url, events, description }: WebhookValues): Fields => ({
  url: url.trim(),
  events: patternsIn(events),
  description: description.trim() === '' ? null : description,
})

interface WebhookFieldsProps {
  readonly values: WebhookValues
  readonly onChange: (changes: Partial<WebhookValues>) => void
  readonly isFirst?: boolean
}

/** The fields of a webhook, in the dialog that makes one and in the form that changes it. */
export function WebhookFields({ values, onChange, isFirst = false }: WebhookFieldsProps): ReactNode {
  return (
    <>
      <TextField
        label="URL"
        value={values.url}
        onChange={(url) => onChange({ url })}
        hint="Where the events are sent: a public address, by https."
        placeholder="https://example.com/hooks"
        isRequired
        isFirst={isFirst}
        maxLength={2000}
      />
      <TextField
        label="Events"
        value={values.events}
        onChange={(events) => onChange({ events })}
        hint="One in each line: a name such as issue.created, the beginning of names such as issue.*, or * for all."
        rows={4}
        isRequired
      />
      <TextField
        label="Description"
        value={values.description}
        onChange={(description) => onChange({ description })}
        hint="Who receives them, and for what."
        maxLength={500}
      />
    </>
  )
}
