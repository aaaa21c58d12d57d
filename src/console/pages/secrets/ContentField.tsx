import type { ReactNode } from 'react'
import { TextField } from '../../parts/fields.tsx'
import { SecretField } from './SecretField.tsx'
import type { SecretContent } from './data.ts'

/** The content of a version while it is typed: it stands in its dialog, and nowhere else. */
export interface TypedContent {
  readonly value: string
  readonly externalRef: string
}

export const blankContent: TypedContent = { value: '', externalRef: '' }

export const LOCAL = 'local_encrypted'

/** The content that is sent: a value, or the name of one at an external provider. */
export const contentOf = ({ value, externalRef }: TypedContent, provider: string): SecretContent =>
  provider === LOCAL ? { value } : { externalRef: externalRef.trim() }

interface ContentFieldProps {
  readonly provider: string
  readonly content: TypedContent
  readonly onChange: (content: TypedContent) => void
  readonly isFirst?: boolean
}

/** The field of a value, or the one of its name at an external provider. */
export const ContentField = ({ provider, content, onChange, isFirst = false }: ContentFieldProps): ReactNode =>
  provider === LOCAL ? (
    <SecretField
      label="Value"
      value={content.value}
      onChange={(value) => onChange({ ...content, value })}
      hint="It is encrypted, and it is never shown again: on no page, and in no export."
      isFirst={isFirst}
    />
  ) : (
    <TextField
      label="Name of the value there"
      value={content.externalRef}
      onChange={(externalRef) => onChange({ ...content, externalRef })}
      hint="In a file of variables: the name of the variable. The value itself never comes here."
      isRequired
      isFirst={isFirst}
      maxLength={500}
    />
  )
