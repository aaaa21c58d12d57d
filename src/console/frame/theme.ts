import { useSyncExternalStore } from 'react'

/** The themes that a person can choose. `system` follows the setting of the machine. */
export const themes = ['system', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]

export const themeWords: Readonly<Record<Theme, string>> = { system: 'As the system', light: 'Light', dark: 'Dark' }

/** The name of the kept value; `firstPaint.ts` reads it before the page is painted. */
const KEY = 'paperclip-theme'
const listeners = new Set<() => void>()

function readTheme(): Theme {
  const { theme } = document.documentElement.dataset
  return theme === 'light' || theme === 'dark' ? theme : 'system'
}

/** Shows every page in a theme from now on, in this browser. */
export function setTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = theme
  try {
    localStorage.setItem(KEY, theme)
  } catch {
    // The browser keeps nothing for this page; the theme holds until the page is left.
  }
  for (const listen of listeners) listen()
}

/** The chosen theme. */
export const useTheme = (): Theme =>
  useSyncExternalStore((listen) => {
    listeners.add(listen)
    return () => void listeners.delete(listen)
  }, readTheme)
