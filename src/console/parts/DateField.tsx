import { useId } from 'react'
import type { ReactNode } from 'react'

interface DateFieldProps {
  readonly label: string
  /** An instant or a day; null for none. */
  readonly value: string | null
  readonly onChange: (value: string | null) => void
}

/** A labelled choice of a day. */
export function DateField({ label, value, onChange }: DateFieldProps): ReactNode {
  const id = useId()
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        type="date"
        value={value?.slice(0, 10) ?? ''}
        onChange={({ target }) => onChange(target.value === '' ? null : target.value)}
      />
    </div>
  )
}
