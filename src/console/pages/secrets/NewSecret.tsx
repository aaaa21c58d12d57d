import { useState } from 'react'
import type { ReactNode } from 'react'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { SelectField, TextField } from '../../parts/fields.tsx'
import { notify } from '../../parts/notices.tsx'
import { blankContent, ContentField, contentOf, LOCAL } from './ContentField.tsx'
import { useCreateSecret, useProviders } from './data.ts'

/** Makes a secret. Its value is in this dialog alone, and gone with it. */
export function NewSecret({ onClose }: { readonly onClose: () => void }): ReactNode {
  const [fields, setFields] = useState({ name: '', description: '', provider: LOCAL })
  const [content, setContent] = useState(blankContent)
  const providers = useProviders()
  const create = useCreateSecret()
  const { name, description, provider } = fields
  return (
    <ActDialog
      title="New secret"
      confirm="Create the secret"
      onClose={onClose}
      act={async () => {
        const made = await create({
          name: name.trim(),
          provider,
          description: description.trim() === '' ? null : description,
          ...contentOf(content, provider),
        })
        notify(`The secret ${made.name} is made`)
      }}
    >
      <TextField
        label="Name"
        value={name}
        onChange={(typed) => setFields({ ...fields, name: typed })}
        hint="For people, such as “GitHub token of the builds”. The variable that a run gets is named where the secret is used."
        isRequired
        isFirst
        maxLength={200}
      />
      {providers.length > 1 && (
        <SelectField
          label="Its value is kept in"
          value={provider}
          onChange={(chosen) => setFields({ ...fields, provider: chosen })}
          choices={providers.map(({ id, label }) => ({ value: id, label }))}
        />
      )}
      <ContentField provider={provider} content={content} onChange={setContent} />
      <TextField
        label="Description"
        value={description}
        onChange={(text) => setFields({ ...fields, description: text })}
        hint="Where it comes from, and until when it holds. It is no place for the value."
        rows={2}
        maxLength={10_000}
      />
    </ActDialog>
  )
}
