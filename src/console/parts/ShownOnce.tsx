import type { ReactNode } from 'react'
import { Command } from './Command.tsx'
import { Dialog } from './Dialog.tsx'

interface ShownOnceProps {
  readonly title: string
  /** Where the secret is to be kept, in a sentence. */
  readonly place: string
  /** The secret, and what is needed with it. */
  readonly texts: readonly { readonly name: string; readonly text: string }[]
  readonly children?: ReactNode
  readonly onClose: () => void
}

/** A secret that the server has just made, once. It is in this dialog alone, and gone with it. */
export function ShownOnce({ title, place, texts, children, onClose }: ShownOnceProps): ReactNode {
  return (
    <Dialog title={title} onClose={onClose}>
      <p className="note">
        <strong>This is the only time that the secret is shown.</strong> {place} This page forgets it when the dialog closes.
      </p>
      {texts.map(({ name, text }) => (
        <Command key={name} name={name} text={text} />
      ))}
      {children}
      <footer>
        <button type="button" onClick={onClose}>
          I have copied it
        </button>
      </footer>
    </Dialog>
  )
}
