import { useRef } from 'react'
import { newKey } from '../../api/idempotency.ts'

interface SendKey {
  /** The same key while the same thing is sent again, as after an answer that did not come, so that it has one effect. */
  readonly keyFor: (sent: unknown) => string
  /** The thing has arrived: an equal one is another one. */
  readonly forget: () => void
}

/** Keys for `Idempotency-Key`. */
export function useSendKey(): SendKey {
  const last = useRef({ text: '', key: '' })
  return {
    keyFor(sent) {
      const text = JSON.stringify(sent)
      if (last.current.text !== text) last.current = { text, key: newKey() }
      return last.current.key
    },
    forget: () => void (last.current = { text: '', key: '' }),
  }
}
