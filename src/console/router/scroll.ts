// Where each entry of the history was scrolled to. The browser restores that before a page has its rows, so the console does it itself.

/** The longest time in which rows may come that make the page as long as it was. */
const PATIENCE_MS = 3000
const NAME = 'paperclip-scroll'

interface EntryState {
  readonly entry: string
}

const isEntryState = (state: unknown): state is EntryState =>
  typeof state === 'object' && state !== null && 'entry' in state && typeof state.entry === 'string'

/** The state of a new entry of the history. */
export const newEntry = (): EntryState => ({ entry: Math.random().toString(36).slice(2) })

const entryNow = (): string => (isEntryState(history.state) ? history.state.entry : '')

/** Positions survive a reload. A browser may refuse to keep anything for a page. */
function readPositions(): Map<string, number> {
  try {
    return new Map(JSON.parse(sessionStorage.getItem(NAME) ?? '[]') as [string, number][])
  } catch {
    return new Map()
  }
}

const positions = readPositions()
/** The entry that is shown, whose position is the one of the window. */
let shown = ''

/** Scrolls as soon as the page is long enough, unless the reader scrolls first. */
function restore(top: number): void {
  const until = performance.now() + PATIENCE_MS
  const control = new AbortController()
  for (const name of ['wheel', 'touchstart', 'keydown', 'pointerdown'])
    addEventListener(name, () => control.abort(), { signal: control.signal, passive: true })
  const attempt = (): void => {
    if (control.signal.aborted) return
    scrollTo(0, top)
    if (Math.abs(scrollY - top) > 1 && performance.now() < until) requestAnimationFrame(attempt)
    else control.abort()
  }
  attempt()
}

/** Remembers where the entry that is left was scrolled to. Called before the address changes. */
export function leaveEntry(): void {
  positions.set(shown, scrollY)
}

/** Shows the entry of the present address. @param isNew whether it was just made, and so begins at its top */
export function enterEntry(isNew: boolean): void {
  shown = entryNow()
  if (isNew) scrollTo(0, 0)
  else restore(positions.get(shown) ?? 0)
}

/** Takes the restoring over from the browser. */
export function keepPositions(): void {
  history.scrollRestoration = 'manual'
  if (entryNow() === '') history.replaceState(newEntry(), '')
  shown = entryNow()
  const before = positions.get(shown)
  if (before !== undefined) restore(before)
  addEventListener('pagehide', () => {
    leaveEntry()
    try {
      sessionStorage.setItem(NAME, JSON.stringify([...positions].slice(-100)))
    } catch {
      // The next load begins at the top.
    }
  })
}
