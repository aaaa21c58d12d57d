import { useEffect, useRef } from 'react'
import type { ReactNode } from 'react'

interface PopupProps {
  /** The words on the control that opens it. */
  readonly label: ReactNode
  /** Whether the control has a value, and is to be seen as such. */
  readonly isSet?: boolean
  readonly children: ReactNode
}

/** A control that opens a small panel below itself. `Escape` and a press elsewhere close it. */
export function Popup({ label, isSet = false, children }: PopupProps): ReactNode {
  const element = useRef<HTMLDetailsElement>(null)
  useEffect(() => {
    const onPress = ({ target }: PointerEvent): void => {
      if (element.current !== null && !element.current.contains(target as Node)) element.current.open = false
    }
    document.addEventListener('pointerdown', onPress)
    return () => document.removeEventListener('pointerdown', onPress)
  }, [])
  return (
    <details
      ref={element}
      className="popup"
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || element.current?.open !== true) return
        event.preventDefault()
        element.current.open = false
        element.current.querySelector('summary')?.focus()
      }}
    >
      <summary className={isSet ? 'set' : ''}>{label}</summary>
      <div>{children}</div>
    </details>
  )
}
