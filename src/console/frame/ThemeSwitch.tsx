import type { ReactNode } from 'react'
import { setTheme, themes, themeWords, useTheme } from './theme.ts'
import type { Theme } from './theme.ts'

/** Chooses between light, dark, and the setting of the machine. */
export function ThemeSwitch(): ReactNode {
  const theme = useTheme()
  return (
    <label className="theme-switch">
      <span className="hidden">Theme</span>
      <select value={theme} onChange={({ target }) => setTheme(target.value as Theme)}>
        {themes.map((each) => (
          <option key={each} value={each}>
            {each === 'system' ? 'Theme of the system' : `${themeWords[each]} theme`}
          </option>
        ))}
      </select>
    </label>
  )
}
