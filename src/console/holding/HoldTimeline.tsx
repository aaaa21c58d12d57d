import type { ReactNode } from 'react'
import type { HoldDetail } from '../api/types.ts'
import { Time, useNow } from '../parts/Time.tsx'
import { exactTime } from '../parts/time.ts'
import { changeOf, effectsOf, reasonOf, runOf, spansOf } from './history.ts'
import type { HoldChange, HoldEvent, HoldSpan } from './history.ts'
import { roughDuration } from './liveness.ts'
import { useNames } from './names.ts'
import type { Names } from './names.ts'
import { RunLink } from './RunLink.tsx'

/** The most changes that the server sends. */
const HISTORY_LENGTH = 100

const signs: Readonly<Record<HoldChange, string>> = { taken: '●', adopted: '◐', ended: '○', released: '○', forced: '✕' }
const words: Readonly<Record<HoldChange, string>> = {
  taken: 'Taken',
  adopted: 'Adopted',
  ended: 'Ended',
  released: 'Released',
  forced: 'Forced',
}

const nameOfSpan = ({ agentId }: HoldSpan, names: Names): string => (agentId === null ? 'A run' : names.agent(agentId))

function titleOfSpan(span: HoldSpan, names: Names): string {
  const lasted = roughDuration(span.to - span.from)
  const end = span.end === null ? 'and still holds it' : `then ${words[span.end].toLowerCase()}`
  return `${nameOfSpan(span, names)}, for ${lasted}, ${end}; since ${exactTime(span.from)}`
}

const percent = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(2)}%`

/** The times in which the issue was held, to scale. The list below it says the same in words. */
function Band({ hold, names }: { readonly hold: HoldDetail; readonly names: Names }): ReactNode {
  const now = useNow()
  const spans = spansOf(hold, now)
  const first = spans[0]
  if (first === undefined) return null
  const whole = Math.max(1, now - first.from)
  return (
    <div className="band" aria-hidden="true">
      <div className="band-track">
        {spans.map((span) => (
          <span
            key={span.from}
            className={`span ${span.end ?? 'held'}`}
            title={titleOfSpan(span, names)}
            style={{ left: percent(span.from - first.from, whole), width: percent(span.to - span.from, whole) }}
          >
            {(span.to - span.from) / whole > 0.12 && nameOfSpan(span, names)}
          </span>
        ))}
      </div>
      <div className="band-ends soft">
        <Time at={new Date(first.from).toISOString()} />
        <span>now</span>
      </div>
    </div>
  )
}

function Change({ event, names }: { readonly event: HoldEvent; readonly names: Names }): ReactNode {
  const change = changeOf(event)
  const [reason, effects, runId] = [reasonOf(event), effectsOf(event), runOf(event)]
  return (
    <li className={change}>
      <span className="sign" aria-hidden="true">
        {signs[change]}
      </span>
      <div>
        <strong>{words[change]}</strong> by {names.actor(event)}
        {reason !== null && <>: {change === 'forced' ? <q>{reason}</q> : reason}</>}
        {effects.length > 0 && <>; {effects.join(', ')}</>}
        {runId !== null && (
          <>
            {' · '}
            <RunLink runId={runId} />
          </>
        )}
      </div>
      <span className="soft when">
        <Time at={event.at} />
      </span>
    </li>
  )
}

/** The story of the hold of one issue: taken, adopted, released, forced, each with the actor, the reason and the time. */
export function HoldTimeline({ hold }: { readonly hold: HoldDetail }): ReactNode {
  const names = useNames()
  if (hold.history.length === 0) return <p className="soft">No run has held this issue yet.</p>
  return (
    <div className="hold-timeline">
      <Band hold={hold} names={names} />
      <ol>
        {hold.history.map((event, at) => (
          <Change key={`${event.at}${at}`} event={event} names={names} />
        ))}
      </ol>
      {hold.history.length >= HISTORY_LENGTH && (
        <p className="soft">These are the newest {HISTORY_LENGTH} changes. The activity has the others.</p>
      )}
    </div>
  )
}
