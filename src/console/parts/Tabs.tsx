import type { ReactNode } from 'react'
import { Link } from '../router/Link.tsx'
import { usePlace } from '../router/location.ts'
import { useCurrentInSight } from './useCurrentInSight.ts'

export interface Tab {
  /** In the query of the address; the first of a page is empty. */
  readonly value: string
  readonly label: string
}

interface TabsProps {
  readonly tabs: readonly Tab[]
  /** Of the value in the query. */
  readonly name?: string
  readonly label: string
  /** Names of other values of the query that hold for every part of the page. */
  readonly keeps?: readonly string[]
}

/** The parts of a page, each with an address. */
export function Tabs({ tabs, name = 'tab', label, keeps = [] }: TabsProps): ReactNode {
  const { path, query } = usePlace()
  const addressOf = (value: string): string => {
    const kept = [...query].filter(([one]) => keeps.includes(one))
    const search = new URLSearchParams([...kept, ...(value === '' ? [] : [[name, value]])]).toString()
    return search === '' ? path : `${path}?${search}`
  }
  const present = query.get(name) ?? ''
  const row = useCurrentInSight(present)
  return (
    <nav className="tabs" aria-label={label} ref={row}>
      {tabs.map(({ value, label: words }) => (
        <Link key={value} to={addressOf(value)} aria-current={present === value ? 'page' : undefined}>
          {words}
        </Link>
      ))}
    </nav>
  )
}
