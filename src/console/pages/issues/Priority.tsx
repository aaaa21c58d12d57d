import type { ReactNode } from 'react'
import type { IssuePriority } from './filters.ts'

/** A sign for each priority, of another shape for each. */
const signs: Readonly<Record<IssuePriority, string>> = { critical: '‼', high: '↑', medium: '–', low: '↓' }

/** A priority as a sign and a word. */
export const Priority = ({ of }: { readonly of: IssuePriority }): ReactNode => (
  <span className={`priority ${of}`}>
    <span aria-hidden="true">{signs[of]}</span> {of}
  </span>
)
