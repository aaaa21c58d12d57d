// The address of the browser as state: the path below `/console`, and the query, in which filters stand.

import { useSyncExternalStore } from 'react'
import { enterEntry, keepPositions, leaveEntry, newEntry } from './scroll.ts'

export const BASE = '/console'

export interface Place {
  /** Below `/console`, beginning with a slash. */
  readonly path: string
  readonly query: URLSearchParams
}

const listeners = new Set<() => void>()

function readPlace(): Place {
  const path = location.pathname.startsWith(BASE) ? location.pathname.slice(BASE.length) : location.pathname
  return { path: path === '' ? '/' : path, query: new URLSearchParams(location.search) }
}

let current = readPlace()

function announce(): void {
  current = readPlace()
  for (const listen of listeners) listen()
}

keepPositions()
addEventListener('popstate', () => {
  leaveEntry()
  announce()
  enterEntry(false)
})

/** Goes to an address below `/console`. @param options.replaces whether the present entry of the history is replaced */
export function go(to: string, options: { readonly replaces?: boolean } = {}): void {
  const isNew = options.replaces !== true
  leaveEntry()
  if (isNew) history.pushState(newEntry(), '', BASE + to)
  else history.replaceState(history.state, '', BASE + to)
  announce()
  if (isNew) enterEntry(true)
}

/** The present place. The component is rendered again when it changes. */
export const usePlace = (): Place =>
  useSyncExternalStore(
    (listen) => {
      listeners.add(listen)
      return () => void listeners.delete(listen)
    },
    () => current,
  )

/** Sets values of the query in place; an empty value removes its name. */
export function setQuery(values: Readonly<Record<string, string | null>>): void {
  const query = new URLSearchParams(current.query)
  for (const [name, value] of Object.entries(values)) {
    if (value === null || value === '') query.delete(name)
    else query.set(name, value)
  }
  const search = query.toString()
  go(`${current.path}${search === '' ? '' : `?${search}`}`, { replaces: true })
}
