import type { ReactNode } from 'react'
import { Link } from '../router/Link.tsx'
import { usePlace } from '../router/location.ts'

export interface Tab {
  /** In the query of the address; the first of a page is empty. */
  readonly value: string
  readonly label: string
}

/** The parts of a page, each with an address. @param name of the value in the query */
export function Tabs({
  tabs,
  name = 'tab',
  label,
}: {
  readonly tabs: readonly Tab[]
  readonly name?: string
  readonly label: string
}): ReactNode {
  const { path, query } = usePlace()
  const present = query.get(name) ?? ''
  return (
    <nav className="tabs" aria-label={label}>
      {tabs.map(({ value, label: words }) => (
        <Link
          key={value}
          to={value === '' ? path : `${path}?${name}=${encodeURIComponent(value)}`}
          aria-current={present === value ? 'page' : undefined}
        >
          {words}
        </Link>
      ))}
    </nav>
  )
}
