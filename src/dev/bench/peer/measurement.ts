import { medianOfTurns } from '../load.ts'
import type { LoadStats, LoadTurn } from '../load.ts'
import { barCell, short } from '../table.ts'
import type { Bar } from '../table.ts'

/** A turn of one side, with the processor time that was spent in it. */
export interface MeasuredTurn extends LoadTurn {
  readonly serverCpuMs: number
  readonly postgresCpuMs: number
}

/** A work on both sides. */
export interface WorkResult {
  readonly name: string
  readonly callers: number
  readonly bar: number | undefined
  readonly ours: readonly MeasuredTurn[]
  readonly theirs: readonly MeasuredTurn[]
}

const requestsOf = (turn: LoadTurn): number => Object.values(turn.statuses).reduce((sum, count) => sum + count, 0)

/** How much of a sum over all turns one request has. */
function perRequest(turns: readonly MeasuredTurn[], pick: (turn: MeasuredTurn) => number): number {
  const sum = turns.reduce((total, turn) => total + pick(turn), 0)
  return sum / turns.reduce((total, turn) => total + requestsOf(turn), 0)
}

/** The head of the table of rates and times. */
export const rateHead: readonly string[] = [
  'work',
  'callers',
  'ours /s',
  'p50 ms',
  'p99 ms',
  'theirs /s',
  'p50 ms',
  'p99 ms',
  'ratio',
  'bar',
  'p99 ratio',
]

const statsCells = ({ rate, p50Ms, p99Ms }: LoadStats): string[] => [short(rate), short(p50Ms), short(p99Ms)]

const ratioBar = (bar: number | undefined, ratio: number): Bar | null =>
  bar === undefined ? null : { text: `≥ ${bar}`, isMet: ratio >= bar }

/** A row of that table: medians of the turns. */
export function rateRow({ name, callers, bar, ours, theirs }: WorkResult): string[] {
  const [our, their] = [medianOfTurns(ours), medianOfTurns(theirs)]
  const ratio = our.rate / their.rate
  return [
    name,
    String(callers),
    ...statsCells(our),
    ...statsCells(their),
    short(ratio),
    barCell(ratioBar(bar, ratio)),
    short(their.p99Ms / our.p99Ms),
  ]
}

/** The head of the table of processor time and answers. */
export const costHead: readonly string[] = [
  'work',
  'ours: server us',
  'Postgres us',
  'generator us',
  'body bytes',
  'theirs: server us',
  'Postgres us',
  'generator us',
  'body bytes',
  'ratio',
]

/** A row of that table: means of a request. The ratio is that of server and Postgres together. */
export function costRow({ name, ours, theirs }: WorkResult): string[] {
  const cells = (turns: readonly MeasuredTurn[]): string[] =>
    [
      1000 * perRequest(turns, (turn) => turn.serverCpuMs),
      1000 * perRequest(turns, (turn) => turn.postgresCpuMs),
      1000 * perRequest(turns, (turn) => turn.generatorCpuMs),
      perRequest(turns, (turn) => turn.bodyBytes),
    ].map((value) => Math.round(value).toLocaleString('en-US'))
  const cpu = (turns: readonly MeasuredTurn[]): number => perRequest(turns, (turn) => turn.serverCpuMs + turn.postgresCpuMs)
  return [name, ...cells(ours), ...cells(theirs), short(cpu(theirs) / cpu(ours))]
}
