// Views: names for filters. Some are always there; those that a person saves are kept by the browser, for the company.

import { useMemo, useState } from 'react'
import { openStatuses, queryText, statuses } from './filters.ts'

export interface View {
  readonly name: string
  /** The query of the address, as `queryText` writes it. */
  readonly query: string
}

const view = (name: string, query: Readonly<Record<string, string>>): View => ({ name, query: queryText(new URLSearchParams(query)) })
const open = openStatuses.join(',')

/** The view of an address without filters: what is done is looked for, and not looked at. */
export const openView = view('Open', { status: open })

export const builtInViews: readonly View[] = [
  openView,
  view('Mine', { status: open, assigneeUserId: 'me' }),
  view('Unassigned', { status: open, unassigned: 'true' }),
  view('Blocked', { status: 'blocked' }),
  view('In review', { status: 'in_review' }),
  view('Done', { status: 'done' }),
  view('All', { status: statuses.join(',') }),
]

/** Views from a text that the browser kept; what is none is left out. */
export function viewsFrom(text: string | null): readonly View[] {
  try {
    const kept: unknown = JSON.parse(text ?? '[]')
    if (!Array.isArray(kept)) return []
    return (kept as Partial<View>[]).flatMap((one) => {
      const { name, query } = one ?? {}
      return typeof name === 'string' && name !== '' && typeof query === 'string' ? [{ name, query }] : []
    })
  } catch {
    return []
  }
}

/** The views with one more; it takes the place of one with the same name. */
export const withView = (views: readonly View[], added: View): readonly View[] => [
  ...views.filter(({ name }) => name !== added.name),
  added,
]

export interface Views {
  readonly saved: readonly View[]
  readonly save: (view: View) => void
  readonly remove: (name: string) => void
}

/** The saved views of a company. A browser that keeps nothing has them until the page is left. */
export function useViews(companyId: string): Views {
  const place = `paperclip.issueViews.${companyId}`
  const [, setChanges] = useState(0)
  const [unkept, setUnkept] = useState<readonly View[] | null>(null)
  const text = localStorage.getItem(place)
  const saved = useMemo(() => unkept ?? viewsFrom(text), [text, unkept])
  const keep = (views: readonly View[]): void => {
    try {
      localStorage.setItem(place, JSON.stringify(views))
      setChanges((count) => count + 1)
    } catch {
      setUnkept(views)
    }
  }
  return {
    saved,
    save: (added) => keep(withView(saved, added)),
    remove: (removed) => keep(saved.filter(({ name }) => name !== removed)),
  }
}
