import { useEffect, useId, useRef } from 'react'
import type { ReactNode } from 'react'

interface DialogProps {
  /** Its accessible name, shown as its heading. */
  readonly title: string
  readonly onClose: () => void
  readonly children: ReactNode
  readonly kind?: 'middle' | 'drawer'
}

/** A native modal dialog: it keeps the focus, and `Escape` closes it. What stood in the focus before has it again afterwards. */
export function Dialog({ title, onClose, children, kind = 'middle' }: DialogProps): ReactNode {
  const element = useRef<HTMLDialogElement>(null)
  const heading = useId()
  useEffect(() => {
    const dialog = element.current
    const before = document.activeElement
    dialog?.showModal()
    // The browser gives the focus to the first control of a dialog, which is the button that closes it.
    dialog?.querySelector<HTMLElement>('[data-first]')?.focus()
    return () => {
      dialog?.close()
      if (before instanceof HTMLElement) before.focus()
    }
  }, [])
  return (
    <dialog
      ref={element}
      className={`dialog ${kind}`}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
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
