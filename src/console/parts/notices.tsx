import { useSyncExternalStore } from 'react'
import type { ReactNode } from 'react'

interface Notice {
  readonly id: number
  readonly text: string
}

const SHOWN_MS = 6000
let notices: readonly Notice[] = []
let nextId = 1
const listeners = new Set<() => void>()

function set(next: readonly Notice[]): void {
  notices = next
  for (const listen of listeners) listen()
}

/** Says in one sentence that an act is done. Readers of screens hear it. */
export function notify(text: string): void {
  const notice = { id: nextId++, text }
  set([...notices, notice].slice(-3))
  setTimeout(() => set(notices.filter(({ id }) => id !== notice.id)), SHOWN_MS)
}

/** The place where notices stand. */
export function Notices(): ReactNode {
  const shown = useSyncExternalStore(
    (listen) => {
      listeners.add(listen)
      return () => void listeners.delete(listen)
    },
    () => notices,
  )
  return (
    <div className="notices" role="status" aria-live="polite">
      {shown.map(({ id, text }) => (
        <p key={id}>{text}</p>
      ))}
    </div>
  )
}
