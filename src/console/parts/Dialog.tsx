import { useEffect, useId, useRef } from 'react'
import type { ReactNode } from 'react'

interface DialogProps {
  /** Its accessible name, shown as its heading. */
  readonly title: string
  readonly onClose: () => void
  readonly children: ReactNode
  readonly kind?: 'middle' | 'drawer'
}

/** The place of the keyboard in a dialog that opens: its first field that asks for it, else where the browser puts it. */
const placeFocus = (dialog: HTMLDialogElement): void => dialog.querySelector<HTMLElement>('[data-first]')?.focus()

/** Gives the keyboard back: to where it was, or to the page where that is gone, as a row is after an act on it. */
function returnFocus(before: Element | null): void {
  if (before instanceof HTMLElement && before.isConnected && before !== document.body) before.focus()
  else document.getElementById('content')?.focus({ preventScroll: true })
}

/** A native modal dialog: it keeps the focus, and `Escape` closes it. The element that had the focus before has it again afterwards. */
export function Dialog({ title, onClose, children, kind = 'middle' }: DialogProps): ReactNode {
  const element = useRef<HTMLDialogElement>(null)
  const heading = useId()
  useEffect(() => {
    const dialog = element.current
    const before = document.activeElement
    dialog?.showModal()
    if (dialog !== null) placeFocus(dialog)
    return () => {
      dialog?.close()
      returnFocus(before)
    }
  }, [])
  return (
    <dialog
      ref={element}
      className={`dialog ${kind}`}
      aria-labelledby={heading}
      onCancel={(event) => {
        // A chooser of files inside the dialog has a `cancel` of its own, and it bubbles.
        if (event.target !== event.currentTarget) return
        event.preventDefault()
        onClose()
      }}
      // A browser may close a dialog at the second `Escape` without asking.
      onClose={(event) => {
        if (event.target === event.currentTarget) onClose()
      }}
    >
      <header>
        <h2 id={heading}>{title}</h2>
        <button type="button" className="quiet" aria-label="Close" onClick={onClose}>
          ✕
        </button>
      </header>
      {children}
    </dialog>
  )
}
