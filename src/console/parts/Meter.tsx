import type { ReactNode } from 'react'
import { formatPercent } from './time.ts'

interface MeterProps {
  /** The part of the whole, in percent. It may be more than all; the bar is full then. */
  readonly percent: number
  /** The colour of the bar. The words beside it say the same. */
  readonly tone?: 'busy' | 'warn' | 'bad'
}

/** A part of a whole as a small bar with its number. */
export const Meter = ({ percent, tone = 'busy' }: MeterProps): ReactNode => (
  <span className="meter">
    <span className={`meter-bar ${tone}`} aria-hidden="true">
      <span style={{ width: `${Math.max(0, Math.min(100, percent))}%` }} />
    </span>
    <span className="meter-number">{formatPercent(percent)}</span>
  </span>
)
