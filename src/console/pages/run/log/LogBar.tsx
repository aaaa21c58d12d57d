import type { ReactNode, RefObject } from 'react'
import { setQuery } from '../../../router/location.ts'
import type { Find } from './useFind.ts'
import type { LogView } from './view.ts'

interface LogBarProps {
  readonly view: LogView
  readonly isWrapped: boolean
  readonly find: Find
  readonly field: RefObject<HTMLInputElement | null>
  readonly onStep: (by: 1 | -1) => void
  readonly onFirstError: () => void
  readonly onCopy: () => void
  readonly onDownload: () => void
}

const countWords = ({ text, count, place }: Find): string => {
  if (text === '') return ''
  if (count === 0) return 'no line'
  return place === 0 ? `${count} ${count === 1 ? 'line' : 'lines'}` : `${place} of ${count}`
}

function FindField({ find, field, onStep }: Pick<LogBarProps, 'find' | 'field' | 'onStep'>): ReactNode {
  return (
    <form
      className="log-find"
      role="search"
      aria-label="Find in the log"
      onSubmit={(event) => {
        event.preventDefault()
        onStep(1)
      }}
    >
      <input
        ref={field}
        type="search"
        aria-label="Find in the log"
        placeholder="Find in the log"
        value={find.text}
        onChange={({ target }) => find.setText(target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && event.shiftKey) {
            event.preventDefault()
            onStep(-1)
          } else if (event.key === 'Escape') event.currentTarget.blur()
        }}
      />
      <button type="button" className="secondary" aria-label="Previous line found" disabled={find.count === 0} onClick={() => onStep(-1)}>
        ↑
      </button>
      <button type="submit" className="secondary" aria-label="Next line found" disabled={find.count === 0}>
        ↓
      </button>
      <span className="soft" role="status" aria-label="Found">
        {countWords(find)}
      </span>
    </form>
  )
}

/** The acts of the log. */
export function LogBar(props: LogBarProps): ReactNode {
  const { view, isWrapped, onFirstError, onCopy, onDownload } = props
  return (
    <div className="log-bar" role="toolbar" aria-label="Log">
      <FindField {...props} />
      <div className="choice" role="group" aria-label="View">
        {(['nice', 'raw'] as const).map((one) => (
          <button
            key={one}
            type="button"
            className="secondary"
            aria-pressed={view === one}
            onClick={() => setQuery({ log: one === 'nice' ? null : one })}
          >
            {one === 'nice' ? 'Nice' : 'Raw'}
          </button>
        ))}
      </div>
      <button type="button" className="secondary" aria-pressed={isWrapped} onClick={() => setQuery({ wrap: isWrapped ? 'off' : null })}>
        Wrap
      </button>
      <button type="button" className="secondary" onClick={onFirstError}>
        First error
      </button>
      <button type="button" className="secondary" onClick={onCopy}>
        Copy
      </button>
      <button type="button" className="secondary" onClick={onDownload}>
        Download
      </button>
    </div>
  )
}
