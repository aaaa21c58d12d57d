import type { ReactNode } from 'react'
import type { RunEvent } from '../../api/types.ts'
import { Problem } from '../../parts/Problem.tsx'
import { Status } from '../../parts/Status.tsx'
import type { Tone } from '../../parts/Status.tsx'
import { Time } from '../../parts/Time.tsx'
import { useRunEvents } from './data.ts'

const tones: Readonly<Record<NonNullable<RunEvent['level']>, Tone>> = { info: 'quiet', warn: 'warn', error: 'bad' }

/** The facts of an event that its message does not say. The command is shown apart. */
function factsOf({ eventType, payload }: RunEvent): string {
  if (payload === null || eventType === 'adapter.invoke') return ''
  return Object.entries(payload)
    .filter(([name, value]) => value !== null && name !== 'status')
    .map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ')
}

/** The events of a run, beside its output. */
export function RunEvents({ runId }: { readonly runId: string }): ReactNode {
  const { rows, problem, isLoading, hasMore, loadMore } = useRunEvents(runId)
  return (
    <section aria-labelledby="events">
      <h2 id="events">Events</h2>
      {problem !== null && <Problem problem={problem} />}
      {rows.length === 0 && !isLoading && problem === null && (
        <p className="soft">This server has not executed the run, so it has no events.</p>
      )}
      <ol className="run-list">
        {rows.map((event) => (
          <li key={event.id}>
            <span>
              <Status of={event.level ?? 'info'} tone={tones[event.level ?? 'info']} words={event.message ?? event.eventType} />{' '}
              <span className="soft">{factsOf(event)}</span>
            </span>
            <span className="soft">
              <Time at={event.createdAt} />
            </span>
          </li>
        ))}
      </ol>
      {hasMore && (
        <button type="button" className="secondary" onClick={loadMore}>
          Load further events
        </button>
      )}
    </section>
  )
}
