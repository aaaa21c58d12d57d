import { useRef, useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../api/background.ts'
import { copyText } from './copyText.ts'

const DONE_MS = 2500

interface CommandProps {
  /** Its accessible name: the use of the text. */
  readonly name: string
  readonly text: string
}

/** A text to be used elsewhere, such as a command, a key or a link, which one click copies. */
export function Command({ name, text }: CommandProps): ReactNode {
  const element = useRef<HTMLPreElement>(null)
  const [state, setState] = useState<'idle' | 'copied' | 'selected'>('idle')
  const onCopy = async (): Promise<void> => {
    const isCopied = await copyText(text)
    // One key copies what is selected.
    if (!isCopied && element.current !== null) getSelection()?.selectAllChildren(element.current)
    setState(isCopied ? 'copied' : 'selected')
    setTimeout(() => setState('idle'), DONE_MS)
  }
  const words = { idle: 'Copy', copied: '✓ Copied', selected: 'Selected: press Ctrl or ⌘ + C' }
  return (
    <div className="command">
      <pre ref={element} role="region" aria-label={name} tabIndex={0}>
        {text}
      </pre>
      <button type="button" className="secondary" onClick={() => inBackground(onCopy())}>
        {words[state]}
        <span className="hidden"> {name}</span>
      </button>
      <span role="status" className="hidden">
        {state === 'idle' ? '' : words[state]}
      </span>
    </div>
  )
}
