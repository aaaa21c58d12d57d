import { useId, useState } from 'react'
import type { ClipboardEvent, ReactNode } from 'react'

interface SecretFieldProps {
  readonly label: string
  readonly value: string
  readonly onChange: (value: string) => void
  readonly hint?: string
  readonly isFirst?: boolean
}

const hasLines = (text: string): boolean => /[\r\n]/.test(text)

/**
 * A field of a value that is not shown while it is typed. A field of one line drops line ends, which belong to the value of a key in PEM
 * form, so a text of several lines is shown.
 */
export function SecretField({ label, value, onChange, hint, isFirst = false }: SecretFieldProps): ReactNode {
  const id = useId()
  const [isShown, setShown] = useState(false)
  const isPlain = isShown || hasLines(value)
  const onPaste = (event: ClipboardEvent<HTMLInputElement>): void => {
    const pasted = event.clipboardData.getData('text')
    if (!hasLines(pasted)) return
    event.preventDefault()
    const { selectionStart, selectionEnd } = event.currentTarget
    onChange(value.slice(0, selectionStart ?? value.length) + pasted + value.slice(selectionEnd ?? value.length))
  }
  const shared = {
    id,
    value,
    required: true,
    autoFocus: isFirst,
    'data-first': isFirst ? '' : undefined,
    autoComplete: 'off',
    spellCheck: false,
    'aria-describedby': `${id}-hint`,
  }
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {isPlain ? (
        <textarea rows={4} className="mono" {...shared} onChange={({ target }) => onChange(target.value)} />
      ) : (
        <input type="password" {...shared} onChange={({ target }) => onChange(target.value)} onPaste={onPaste} />
      )}
      <p id={`${id}-hint`} className="soft">
        {hint}
      </p>
      <label className="check">
        <input type="checkbox" checked={isPlain} disabled={hasLines(value)} onChange={({ target }) => setShown(target.checked)} /> Show what
        I type, in several lines
      </label>
    </div>
  )
}
