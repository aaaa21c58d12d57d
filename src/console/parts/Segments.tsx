import type { ReactNode } from 'react'
import type { Choice } from './fields.tsx'

interface SegmentsProps {
  /** Its accessible name. */
  readonly label: string
  readonly value: string
  readonly choices: readonly Choice[]
  readonly onChange: (value: string) => void
}

/** A choice of one among few, all of them in sight. */
export const Segments = ({ label, value, choices, onChange }: SegmentsProps): ReactNode => (
  <div className="segments" role="group" aria-label={label}>
    {choices.map((choice) => (
      <button
        key={choice.value}
        type="button"
        className="quiet"
        aria-pressed={choice.value === value}
        onClick={() => onChange(choice.value)}
      >
        {choice.label}
      </button>
    ))}
  </div>
)
