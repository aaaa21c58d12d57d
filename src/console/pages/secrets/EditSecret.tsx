import { useState } from 'react'
import type { ReactNode } from 'react'
import type { Secret } from '../../api/types.ts'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { TextField } from '../../parts/fields.tsx'
import { notify } from '../../parts/notices.tsx'
import { useChangeSecret } from './data.ts'
import type { SecretFields } from './data.ts'

interface EditSecretProps {
  readonly secret: Secret
  readonly onClose: () => void
}

/** Changes the name or the description of a secret. References name it by its id, so they stay. */
export function EditSecret({ secret, onClose }: EditSecretProps): ReactNode {
  const [fields, setFields] = useState<SecretFields>({ name: secret.name, description: secret.description })
  const change = useChangeSecret(secret.id)
  const name = fields.name.trim()
  const changes: Partial<SecretFields> = {
    ...(name === secret.name ? {} : { name }),
    ...(fields.description === secret.description ? {} : { description: fields.description }),
  }
  return (
    <ActDialog
      title={`Edit ${secret.name}`}
      confirm="Save"
      isBlocked={Object.keys(changes).length === 0}
      onClose={onClose}
      act={async () => {
        await change.mutateAsync(changes)
        notify('The secret is saved')
      }}
    >
      <TextField
        label="Name"
        value={fields.name}
        onChange={(typed) => setFields({ ...fields, name: typed })}
        hint="Those that use the secret refer to its id, and find it under every name."
        isRequired
        isFirst
        maxLength={200}
      />
      <TextField
        label="Description"
        value={fields.description ?? ''}
        onChange={(text) => setFields({ ...fields, description: text === '' ? null : text })}
        rows={3}
        maxLength={10_000}
      />
    </ActDialog>
  )
}
