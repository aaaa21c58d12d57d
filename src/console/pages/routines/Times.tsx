import type { ReactNode } from 'react'
import { relativeTime } from '../../parts/time.ts'
import { useNow } from '../../parts/Time.tsx'
import { timeInZone } from './words.ts'

interface TimesProps {
  readonly times: readonly string[]
  readonly zone: string | null
}

/** The next times of a schedule, as the clock of its zone shows them. */
export function Times({ times, zone }: TimesProps): ReactNode {
  const now = useNow()
  return (
    <ol className="routine-times" aria-label="Next times">
      {times.map((time) => (
        <li key={time}>
          <time dateTime={time}>{timeInZone(time, zone)}</time> <span className="soft">{relativeTime(Date.parse(time), now)}</span>
        </li>
      ))}
    </ol>
  )
}
