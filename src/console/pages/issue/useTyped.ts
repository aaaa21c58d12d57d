import { useRef, useState } from 'react'

const PLACE = 'paperclip.draft.'

/** A draft of this tab; null where there is none, or where the browser keeps nothing. */
function kept<T>(name: string): T | null {
  try {
    const text = sessionStorage.getItem(PLACE + name)
    return text === null ? null : (JSON.parse(text) as T)
  } catch {
    return null
  }
}

function keep(name: string, value: unknown): void {
  try {
    if (value === null) sessionStorage.removeItem(PLACE + name)
    else sessionStorage.setItem(PLACE + name, JSON.stringify(value))
  } catch {
    // A browser that keeps nothing has the text of the page.
  }
}

export const hasTyped = (name: string): boolean => kept(name) !== null

/** The next text, or how it comes from the one of now. */
export type Next<T> = T | ((now: T) => T)

interface Typed<T> {
  readonly value: T
  /** Code that waited for the server in between gives a function, so that it keeps what was typed meanwhile. */
  readonly set: (next: Next<T>) => void
  /** Nothing is being typed any more. */
  readonly clear: () => void
}

/**
 * A text that is being typed. It outlives the page in this tab, so that a session that ends under it, or a click on a link, loses nothing.
 * @param name differs from that of other drafts
 */
export function useTyped<T extends string | object>(name: string, initial: T): Typed<T> {
  const [value, setValue] = useState<T>(() => kept<T>(name) ?? initial)
  const latest = useRef(value)
  const put = (next: T): void => {
    latest.current = next
    setValue(next)
  }
  return {
    value,
    set(next) {
      put(typeof next === 'function' ? next(latest.current) : next)
      keep(name, latest.current === initial ? null : latest.current)
    },
    clear() {
      put(initial)
      keep(name, null)
    },
  }
}
