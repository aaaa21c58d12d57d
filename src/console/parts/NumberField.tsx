import { useId } from 'react'
import type { ReactNode } from 'react'

interface NumberFieldProps {
  readonly label: string
  /** As it was typed; empty for none. */
  readonly value: string
  readonly onChange: (value: string) => void
  readonly min?: number
  readonly max?: number
  readonly hint?: string
  readonly step?: number | 'any'
}

/** A labelled field of a number. */
export function NumberField({ label, value, onChange, min, max, hint, step = 'any' }: NumberFieldProps): ReactNode {
  const id = useId()
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        type="number"
        value={value}
        min={min}
        max={max}
        step={step}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        onChange={({ target }) => onChange(target.value)}
      />
      {hint !== undefined && (
        <p id={`${id}-hint`} className="soft">
          {hint}
        </p>
      )}
    </div>
  )
}
