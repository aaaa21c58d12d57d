// The address of the browser as state: the path below `/console`, and the query, in which filters stand.

import { useSyncExternalStore } from 'react'

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

addEventListener('popstate', announce)

/** Goes to an address below `/console`. @param options.replaces whether the present entry of the history is replaced */
export function go(to: string, options: { readonly replaces?: boolean } = {}): void {
  if (options.replaces === true) history.replaceState(null, '', BASE + to)
  else {
    history.pushState(null, '', BASE + to)
    scrollTo(0, 0)
  }
  announce()
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
