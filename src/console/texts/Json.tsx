import type { ReactNode } from 'react'
import { escapeHidden } from './hiddenCharacters.ts'

interface JsonProps {
  /** Its accessible name. */
  readonly name: string
  readonly value: unknown
}

/** A value as JSON, as it is: hidden characters are written as escapes, and nothing is left out. */
export const Json = ({ name, value }: JsonProps): ReactNode => (
  <pre className="json" role="group" aria-label={name} tabIndex={0}>
    {escapeHidden(JSON.stringify(value, null, 2) ?? '')}
  </pre>
)
