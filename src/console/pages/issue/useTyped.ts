import { useState } from 'react'

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

interface Typed<T> {
  readonly value: T
  readonly set: (value: T) => void
  /** Nothing is being typed any more. */
  readonly clear: () => void
}

/**
 * A text that is being typed. It outlives the page in this tab, so that a session that ends under it, or a click on a link, loses nothing.
 * @param name differs from that of other drafts
 */
export function useTyped<T>(name: string, initial: T): Typed<T> {
  const [value, setValue] = useState<T>(() => kept<T>(name) ?? initial)
  return {
    value,
    set(next) {
      setValue(next)
      keep(name, next)
    },
    clear() {
      setValue(initial)
      keep(name, null)
    },
  }
}
