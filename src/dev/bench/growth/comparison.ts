import { stopChild } from '../children.ts'
import { startGenerator } from '../generator.ts'
import type { Generator } from '../generator.ts'
import { median, prepareRequest } from '../load.ts'
import type { BenchRequest } from '../options.ts'
import { residentMb } from '../processes.ts'
import { markdownTable, short } from '../table.ts'
import { startPlanted } from './database.ts'
import type { PlantedServer } from './database.ts'
import { growthHead, growthRow } from './measurement.ts'
import type { ReadTime } from './measurement.ts'
import { growthReads } from './reads.ts'
import type { GrowthRead } from './reads.ts'

type GrowthRequest = Extract<BenchRequest, { kind: 'growth' }>

/** The size that every other is compared with. */
const SMALL = 1000
/** Repetitions that warm up before any is counted. */
const WARM_UP = 3
/** A read that is slow is repeated no longer than this. */
const LONGEST_MS = 4000

const note = (text: string): void => void process.stderr.write(`${text}\n`)

/** A planted server and the credential of an agent of it. */
interface Measured {
  readonly server: PlantedServer
  readonly agentHeaders: Readonly<Record<string, string>>
}

/** The median of a read that is repeated on one connection. */
async function timeRead(generator: Generator, { server, agentHeaders }: Measured, read: GrowthRead, repeats: number): Promise<ReadTime> {
  const { child, facts } = server
  const request = prepareRequest({
    path: read.path(facts),
    headers: read.byAgent === true ? agentHeaders : {},
    // The time limit of a statement: the read is too slow to be answered at all.
    expectedStatuses: [200, 503],
  })
  const job = { port: child.port, inStep: true, durationMs: LONGEST_MS }
  const warm = await generator.play({ ...job, scripts: [Array.from({ length: WARM_UP }, () => request)] })
  const turn =
    (warm.times[0] ?? 0) > LONGEST_MS ? warm : await generator.play({ ...job, scripts: [Array.from({ length: repeats }, () => request)] })
  return { ms: median(turn.times), isRefused: turn.statuses[503] !== undefined }
}

/** Starts a server on a planted database and gives one of its agents a key. */
async function startMeasured(issues: number, replant: boolean): Promise<Measured> {
  const server = await startPlanted(issues, { replant, note })
  const key = await server.api.post(`/api/agents/${server.facts.agentId}/keys`, { name: 'bench' })
  return { server, agentHeaders: { Authorization: `Bearer ${String(key['token'])}` } }
}

/** Checks the newest thousand rows of the chain: all of a large one takes minutes. */
async function describeChain({ api, facts }: PlantedServer): Promise<string> {
  const { sealedRows } = await api.get(`/api/companies/${facts.companyId}/activity/verify?from=1&to=1`)
  const from = Math.max(1, Number(sealedRows) - 1000)
  const result = await api.get(`/api/companies/${facts.companyId}/activity/verify?from=${from}`)
  return `${Number(sealedRows).toLocaleString('en-US')} sealed rows, chain ${result['ok'] === true ? 'intact' : `broken: ${JSON.stringify(result['firstBroken'])}`}`
}

async function describeServer({ server }: Measured): Promise<string> {
  const { facts, child, start, databaseMb } = server
  const chain = await describeChain(server).catch((error: unknown) => `the chain was not verified: ${String(error).slice(0, 100)}`)
  const started = `listening after ${short(start.elapsedMs / 1000)} s and ${short(start.cpuMs / 1000)} s of processor time`
  const memory = `memory of the server ${residentMb(child.process.pid ?? 0)} MB`
  return `${facts.issues.toLocaleString('en-US')} issues: database ${short(databaseMb)} MB, ${chain}; ${started}; ${memory}`
}

/** `npm run bench -- --growth`: the same reads at 1,000 issues and at many, each alone and warm. */
export async function benchGrowth({ issues, repeats, only, replant }: GrowthRequest): Promise<void> {
  const generator = startGenerator()
  const sizes: Measured[] = []
  try {
    for (const size of [SMALL, issues]) sizes.push(await startMeasured(size, replant))
    const [small, large] = sizes
    if (small === undefined || large === undefined) return
    const rows: string[][] = []
    for (const read of growthReads.filter(({ name }) => name.includes(only))) {
      note(read.name)
      const [before, after] = [await timeRead(generator, small, read, repeats), await timeRead(generator, large, read, repeats)]
      rows.push(growthRow(read, before, after))
    }
    process.stdout.write(`${markdownTable(growthHead(issues), rows)}\n\n`)
    for (const each of sizes) process.stdout.write(`${await describeServer(each)}\n`)
  } finally {
    generator.stop()
    for (const { server } of sizes) await stopChild(server.child)
  }
}
