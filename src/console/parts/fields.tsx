import { useId, useState } from 'react'
import type { ReactNode } from 'react'

interface FieldProps {
  readonly label: string
  readonly value: string
  readonly onChange: (value: string) => void
  readonly hint?: string
  readonly isRequired?: boolean
  /** Has the focus when it is shown. */
  readonly isFirst?: boolean
}

interface TextFieldProps extends FieldProps {
  readonly maxLength?: number
  /** Lines of a longer text; one line unless given. */
  readonly rows?: number
  readonly placeholder?: string
  /** While it is sent: what would be typed then would be lost. */
  readonly isSending?: boolean
}

/** A labelled field of text. */
export function TextField({
  label,
  value,
  onChange,
  hint,
  isRequired = false,
  isFirst = false,
  maxLength,
  rows,
  placeholder,
  isSending = false,
}: TextFieldProps): ReactNode {
  const id = useId()
  const shared = {
    id,
    value,
    required: isRequired,
    autoFocus: isFirst,
    // A dialog takes no focus before it is shown; then it looks for this.
    'data-first': isFirst ? '' : undefined,
    maxLength,
    placeholder,
    readOnly: isSending,
    'aria-describedby': hint === undefined ? undefined : `${id}-hint`,
  }
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {rows === undefined ? (
        <input type="text" {...shared} onChange={({ target }) => onChange(target.value)} />
      ) : (
        <textarea rows={rows} {...shared} onChange={({ target }) => onChange(target.value)} />
      )}
      {hint !== undefined && (
        <p id={`${id}-hint`} className="soft">
          {hint}
        </p>
      )}
    </div>
  )
}

export interface Choice {
  readonly value: string
  readonly label: string
}

/**
 * The choices, with the one that is chosen kept where the list has lost it: an agent may end while a form is open. Without it a browser
 * shows another one as chosen, or refuses the form without a word of the server.
 */
function useKept(choices: readonly Choice[], value: string): readonly Choice[] {
  const [last, setLast] = useState<Choice | null>(null)
  const chosen = choices.find((choice) => choice.value === value)
  if (chosen !== undefined && (chosen.value !== last?.value || chosen.label !== last.label)) setLast(chosen)
  if (chosen !== undefined || last === null || last.value !== value) return choices
  return [...choices, { value, label: `${last.label} (not in the list any more)` }]
}

/** A labelled choice of one. The empty value is `none`, where it is given. */
export function SelectField({
  label,
  value,
  onChange,
  choices,
  none,
  isRequired = false,
  isFirst = false,
}: FieldProps & { readonly choices: readonly Choice[]; readonly none?: string }): ReactNode {
  const id = useId()
  const kept = useKept(choices, value)
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select
        id={id}
        value={value}
        required={isRequired}
        data-first={isFirst ? '' : undefined}
        onChange={({ target }) => onChange(target.value)}
      >
        {none !== undefined && <option value="">{none}</option>}
        {kept.map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.label}
          </option>
        ))}
      </select>
    </div>
  )
}

/** A box to tick, with its label after it. */
export function CheckField({
  label,
  value,
  onChange,
}: {
  readonly label: string
  readonly value: boolean
  readonly onChange: (value: boolean) => void
}): ReactNode {
  return (
    <label className="check">
      <input type="checkbox" checked={value} onChange={({ target }) => onChange(target.checked)} /> {label}
    </label>
  )
}
