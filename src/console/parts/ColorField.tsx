import { useId } from 'react'
import type { ReactNode } from 'react'

/** The colour that a new choice begins with. */
const FIRST = '#0b57d0'

interface ColorFieldProps {
  readonly label: string
  /** `#rrggbb`; null for none. */
  readonly value: string | null
  readonly onChange: (value: string | null) => void
  /** Whether there has to be one. */
  readonly isRequired?: boolean
}

/** A labelled choice of a colour, with its value in letters, and mostly of none. */
export function ColorField({ label, value, onChange, isRequired = false }: ColorFieldProps): ReactNode {
  const id = useId()
  return (
    <div className="field">
      {value === null ? <p className="field-name">{label}</p> : <label htmlFor={id}>{label}</label>}
      <div className="row">
        {value === null ? (
          <button type="button" className="secondary" onClick={() => onChange(FIRST)}>
            Choose a colour<span className="hidden"> for: {label}</span>
          </button>
        ) : (
          <>
            <input id={id} type="color" value={value} onChange={({ target }) => onChange(target.value)} />
            <span className="mono">{value}</span>
          </>
        )}
        {value !== null && !isRequired && (
          <button type="button" className="quiet" onClick={() => onChange(null)}>
            No colour
          </button>
        )}
      </div>
    </div>
  )
}
