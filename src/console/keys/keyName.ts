// The name of a pressed key, as bindings have it.

/** The parts of a keyboard event that a name is made of. */
export type Pressed = Pick<KeyboardEvent, 'key' | 'code' | 'shiftKey' | 'ctrlKey' | 'metaKey'>

/** Keys that only change others. */
const MODIFIERS: ReadonlySet<string> = new Set(['Shift', 'Control', 'Alt', 'Meta', 'AltGraph', 'CapsLock', 'Fn', 'Dead', 'Process'])

/** The letter of a key: that of its place where the layout has no Latin letters, and without regard to Caps Lock. */
function letterOf({ key, code, shiftKey }: Pressed): string {
  const isForeign = key > '\u007F' && /^Key[A-Z]$/.test(code) && !/^\p{Script=Latin}$/u.test(key)
  const letter = isForeign ? code.slice(-1) : key
  if (!/^[a-z]$/i.test(letter)) return letter
  return shiftKey ? letter.toUpperCase() : letter.toLowerCase()
}

/** `j`, `X`, `?`, `enter`, `space`, `mod+k`; null for a key that only changes others. */
export function nameOf(pressed: Pressed): string | null {
  const { key, ctrlKey, metaKey } = pressed
  if (MODIFIERS.has(key)) return null
  const mod = ctrlKey || metaKey ? 'mod+' : ''
  if (key === ' ') return `${mod}space`
  if (key.length > 1) return mod + key.toLowerCase()
  return mod + (mod === '' ? letterOf(pressed) : letterOf(pressed).toLowerCase())
}
