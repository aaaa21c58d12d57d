import type { ReactNode } from 'react'

/** A small square in the colour that a person chose for something. It is never the only sign: the name stands beside it. */
export const Swatch = ({ color }: { readonly color: string }): ReactNode => (
  <svg className="swatch" width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
    <rect width="12" height="12" rx="3" fill={color} />
  </svg>
)
