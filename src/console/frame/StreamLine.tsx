import type { ReactNode } from 'react'
import { useNow } from '../parts/Time.tsx'
import { duration } from '../parts/time.ts'
import type { FeedStatus } from '../stream/eventFeed.ts'

const words: Readonly<Record<FeedStatus['state'], string>> = {
  connecting: 'Connecting',
  live: 'Live',
  'catching up': 'Catching up',
  paused: 'Paused while the page is hidden',
  cut: 'The connection is cut: what is shown may be old',
  refused: 'The server refuses the live updates: what is shown may be old',
}

/** The thin line that says whether what is shown is fresh. */
export function StreamLine({ status }: { readonly status: FeedStatus }): ReactNode {
  const now = useNow()
  const age = status.since === null || (status.state !== 'cut' && status.state !== 'refused') ? '' : `, for ${duration(now - status.since)}`
  return (
    <div className={`stream-line ${status.state.replace(' ', '-')}`}>
      {/* Readers of screens hear a change of the state, and not every second how long it lasts. */}
      <span role="status" aria-label="State of the live updates">
        {words[status.state]}
      </span>
      <span aria-hidden="true">{age}</span>
    </div>
  )
}
