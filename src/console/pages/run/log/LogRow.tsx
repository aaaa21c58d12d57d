import { Fragment, memo, useState } from 'react'
import type { ReactNode } from 'react'
import { exactTime } from '../../../parts/time.ts'
import { entriesOf } from './entries.ts'
import type { LogLine } from './lines.ts'
import { cutAt } from './view.ts'
import type { LogView } from './view.ts'

interface LogRowProps {
  readonly line: LogLine
  readonly view: LogView
  readonly find: string
  readonly isCurrent: boolean
}

const clockTime = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })

/** A longer text is shown in part until it is asked for. */
const SHOWN_LENGTH = 3000

/** One line of a log. In the readable view it has its time and a word before it, which says from where it comes. */
export const LogRow = memo(function LogRow({ line, view, find, isCurrent }: LogRowProps): ReactNode {
  if (view === 'raw') return <LongText text={line.text.replaceAll('\u001B', '␛')} find={find} isCurrent={isCurrent} />
  const instant = Date.parse(line.ts)
  return entriesOf(line).map(({ kind, label, text, isError }, at) => (
    <div key={at} className={`log-entry ${kind}${isError ? ' bad' : ''}`}>
      {at === 0 && !Number.isNaN(instant) ? (
        <time dateTime={line.ts} title={exactTime(instant)}>
          {clockTime.format(instant)}
        </time>
      ) : (
        <span />
      )}
      <span className="log-label">{label}</span>
      <span className="log-text">
        <LongText text={text} find={find} isCurrent={isCurrent} />
      </span>
    </div>
  ))
})

function LongText({ text, find, isCurrent }: { readonly text: string; readonly find: string; readonly isCurrent: boolean }): ReactNode {
  const [isWhole, setWhole] = useState(false)
  const isCut = text.length > SHOWN_LENGTH && !isWhole && !isCurrent
  return (
    <>
      <Marked text={isCut ? text.slice(0, SHOWN_LENGTH) : text} find={find} />
      {isCut && (
        <button type="button" className="log-more" onClick={() => setWhole(true)}>
          Show all {text.length} characters
        </button>
      )}
    </>
  )
}

const Marked = ({ text, find }: { readonly text: string; readonly find: string }): ReactNode =>
  cutAt(text, find).map((part, at) => <Fragment key={at}>{at % 2 === 1 ? <mark>{part}</mark> : part}</Fragment>)
