// Whether keys without Control or Command do something. A person who dictates, or whose hand shakes, can turn them off (WCAG 2.1.4).

import { useSyncExternalStore } from 'react'

const NAME = 'paperclip-single-keys'
const listeners = new Set<() => void>()

/** A browser may refuse to keep anything for a page. */
function read(): boolean {
  try {
    return localStorage.getItem(NAME) !== 'off'
  } catch {
    return true
  }
}

let isOn: boolean | null = null

/** Whether single keys work in this browser. */
export const areSingleKeysOn = (): boolean => (isOn ??= read())

/** Turns single keys on or off, in this browser. */
export function setSingleKeys(next: boolean): void {
  isOn = next
  try {
    if (next) localStorage.removeItem(NAME)
    else localStorage.setItem(NAME, 'off')
  } catch {
    // They stay as they are until the page is left.
  }
  for (const listen of listeners) listen()
}

/** The same for a component. */
export const useSingleKeys = (): boolean =>
  useSyncExternalStore((listen) => {
    listeners.add(listen)
    return () => void listeners.delete(listen)
  }, areSingleKeysOn)
