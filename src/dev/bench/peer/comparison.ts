import { availableParallelism, cpus } from 'node:os'
import { startGenerator } from '../generator.ts'
import type { Generator } from '../generator.ts'
import { median } from '../load.ts'
import { barCell, markdownTable, short } from '../table.ts'
import type { BenchRequest } from '../options.ts'
import { prepareSide } from './company.ts'
import type { Prepared } from './company.ts'
import { costHead, costRow, rateHead, rateRow } from './measurement.ts'
import type { MeasuredTurn, WorkResult } from './measurement.ts'
import { PEER, startOurs, startTheirs } from './sides.ts'
import type { Side, StartCost } from './sides.ts'
import { noteStart, works } from './works.ts'
import type { Work } from './works.ts'

type PeerRequest = Extract<BenchRequest, { kind: 'peer' }>

interface PreparedSide {
  readonly side: Side
  readonly prepared: Prepared
}

const note = (text: string): void => void process.stderr.write(`${text}\n`)

interface Turn {
  readonly index: number
  readonly count: number
  readonly durationMs: number
}

async function measureTurn(generator: Generator, { side, prepared }: PreparedSide, work: Work, turn: Turn): Promise<MeasuredTurn> {
  const before = side.cpu()
  const played = await generator.play({ port: side.port, durationMs: turn.durationMs, ...work.job(prepared, turn) })
  const after = side.cpu()
  return { ...played, serverCpuMs: after.server - before.server, postgresCpuMs: after.postgres - before.postgres }
}

/**
 * How long each side is driven before anything is measured, with the first work, and before each work. A server that has just started runs code that V8 has not optimized yet, and spends
 * processor time on optimizing it: its first 5,000 requests cost up to twice as much as those of the rest of its life.
 */
const FIRST_WARM_UP_MS = 15_000
const WARM_UP_MS = 5000

/** Drives both sides with the first of all works, so that the path which all requests share is optimized whatever is measured first. */
async function warmUp(generator: Generator, sides: readonly PreparedSide[]): Promise<void> {
  const [first] = works
  if (first === undefined) return
  for (const each of sides) await measureTurn(generator, each, first, { index: 0, count: 1, durationMs: FIRST_WARM_UP_MS })
}

/** Drives both sides turn by turn, after a turn of each that warms up. */
async function measureWork(
  generator: Generator,
  sides: readonly PreparedSide[],
  work: Work,
  { turns, seconds }: PeerRequest,
): Promise<WorkResult> {
  const measured: Record<Side['name'], MeasuredTurn[]> = { ours: [], theirs: [] }
  for (let index = 0; index <= turns; index += 1) {
    const durationMs = index === 0 ? WARM_UP_MS : seconds * 1000
    for (const each of sides) {
      const turn = await measureTurn(generator, each, work, { index, count: turns + 1, durationMs })
      measured[each.side.name].push(turn)
    }
  }
  for (const { side, prepared } of sides) {
    try {
      await work.check?.(prepared, measured[side.name])
    } catch (error) {
      throw new Error(`${side.name}, ${work.name}`, { cause: error })
    }
  }
  return { ...work, bar: work.bar, ours: measured.ours.slice(1), theirs: measured.theirs.slice(1) }
}

/** Measures the memory after all work, and then what a start on the database that is there costs. */
async function measureProcesses(sides: readonly PreparedSide[], turns: number): Promise<string> {
  const memory = sides.map(({ side }) => side.memoryMb())
  const starts: StartCost[][] = sides.map(() => [])
  for (let turn = 0; turn < turns; turn += 1) for (const [index, { side }] of sides.entries()) starts[index]?.push(await side.restart())
  const each = (pick: (cost: StartCost) => number): number[] => starts.map((costs) => median(costs.map(pick)))
  const row = (name: string, [ours = 0, theirs = 0]: readonly number[], bar: number | null): string[] => [
    name,
    short(ours),
    short(theirs),
    short(theirs / ours),
    barCell(bar === null ? null : { text: `≤ ${bar}`, isMet: ours <= bar }),
  ]
  return markdownTable(
    ['process', 'ours', 'theirs', 'theirs / ours', 'bar'],
    [
      row('memory after all of it, MB', memory, 200),
      row(
        'start until healthy, existing database: processor time, s',
        each((cost) => cost.cpuMs / 1000),
        1.6,
      ),
      row(
        'start until healthy: elapsed time, s',
        each((cost) => cost.elapsedMs / 1000),
        null,
      ),
      row(
        'start until healthy: memory, MB',
        each((cost) => cost.memoryMb),
        130,
      ),
    ],
  )
}

const describeMachine = (request: PeerRequest): string =>
  `${PEER}; ${request.turns} turns of ${request.seconds} s for each side, medians; Node ${process.versions.node}, ` +
  `${availableParallelism()} cores of ${cpus()[0]?.model ?? 'an unknown processor'}, ${new Intl.DateTimeFormat('sv-SE').format()}`

/** `npm run bench -- --peer`: this server and the public release, each on a durable Postgres of its own, turn by turn. */
export async function benchAgainstPeer(request: PeerRequest): Promise<void> {
  const generator = startGenerator()
  const sides: Side[] = []
  try {
    for (const start of [startOurs, startTheirs]) sides.push(await start())
    const prepared: PreparedSide[] = []
    for (const side of sides) {
      note(`preparing ${side.name}`)
      prepared.push({ side, prepared: await prepareSide(side) })
    }
    for (const each of prepared) await noteStart(each.prepared)
    note('warming up')
    await warmUp(generator, prepared)
    const results: WorkResult[] = []
    for (const work of works.filter(({ name }) => name.includes(request.only))) {
      note(work.name)
      results.push(await measureWork(generator, prepared, work, request))
    }
    process.stdout.write(`${describeMachine(request)}\n\n${markdownTable(rateHead, results.map(rateRow))}\n\n`)
    process.stdout.write(`${markdownTable(costHead, results.map(costRow))}\n\n`)
    process.stdout.write(`${await measureProcesses(prepared, request.turns)}\n`)
  } finally {
    generator.stop()
    for (const side of sides) await side.stop()
  }
}
