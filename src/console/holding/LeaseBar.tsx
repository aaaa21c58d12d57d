import type { ReactNode } from 'react'
import type { Hold } from '../api/types.ts'
import { useNow } from '../parts/Time.tsx'
import { exactTime } from '../parts/time.ts'
import { clockDuration, leaseLeft } from './liveness.ts'

/** The lease of a run as a bar that runs out, with the time that is left in words and the exact end on hover. */
export function LeaseBar({ holder }: { readonly holder: NonNullable<Hold['holder']> }): ReactNode {
  const now = useNow()
  const expiresAt = Date.parse(holder.leaseExpiresAt)
  const left = leaseLeft(holder, now)
  const words = expiresAt > now ? clockDuration(expiresAt - now) : 'ran out'
  return (
    <span className="lease" title={`${expiresAt > now ? 'Runs out' : 'Ran out'} ${exactTime(expiresAt)}`}>
      <span className={left === 0 ? 'lease-bar out' : left < 1 / 3 ? 'lease-bar low' : 'lease-bar'} aria-hidden="true">
        <span style={{ width: `${Math.round(left * 100)}%` }} />
      </span>
      <span className={left === 0 ? 'soft' : undefined}>{words}</span>
    </span>
  )
}
