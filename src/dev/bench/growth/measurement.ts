import { barCell, short } from '../table.ts'
import type { GrowthRead } from './reads.ts'

/** How long a read took. */
export interface ReadTime {
  readonly ms: number
  /** The server gave up on it: 503. */
  readonly isRefused: boolean
}

/** A read may take so many times as long at the large size, when it takes longer than its bar. */
const MOST_GROWTH = 2

/** The head of the table of reads. */
export const growthHead = (issues: number): readonly string[] => [
  'read',
  '1,000 ms',
  `${issues.toLocaleString('en-US')} ms`,
  'ratio',
  'bar',
]

const timeCell = ({ ms, isRefused }: ReadTime): string => (isRefused ? `${short(ms)}, refused` : short(ms))

/** A row of that table. */
export function growthRow({ name, barMs }: Pick<GrowthRead, 'name' | 'barMs'>, small: ReadTime, large: ReadTime): string[] {
  const ratio = large.ms / small.ms
  const isMet = !large.isRefused && (large.ms <= barMs || ratio <= MOST_GROWTH)
  return [name, timeCell(small), timeCell(large), short(ratio), barCell({ text: `≤ ${MOST_GROWTH} x or ≤ ${barMs} ms`, isMet })]
}
