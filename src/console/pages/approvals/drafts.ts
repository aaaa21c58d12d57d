// Texts that were typed and not sent, by approval: a look at another row does not lose them.

import { useState } from 'react'

const drafts = new Map<string, string>()

/** A text that stays while the page is not left for good. @param name of the field and the row */
export function useDraftText(name: string): readonly [text: string, set: (text: string) => void] {
  const [text, setText] = useState(() => drafts.get(name) ?? '')
  return [
    text,
    (next) => {
      if (next === '') drafts.delete(name)
      else drafts.set(name, next)
      setText(next)
    },
  ]
}
