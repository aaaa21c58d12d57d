import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { openPool } from '../../platform/db/driver/client.ts'
import { startEmbedded } from '../../platform/embedded/index.ts'
import { databaseUrlOf } from '../testing/serverProcess.ts'
import { createApiClient } from './apiClient.ts'
import { startChild, startFlags, stopChild, thisCheckout } from './children.ts'
import { createBenchCompany, takeKept, workloadScripts } from './company.ts'
import { startGenerator } from './generator.ts'
import type { Generator } from './generator.ts'
import { median } from './load.ts'
import type { Script } from './load.ts'
import { cpuMs, postgresCpuMs, postmasterOf } from './processes.ts'

// `npm run bench -- --cpu OLD`: the processor time of one request, in this checkout and in another, turn by turn. Rates
// depend on everything else that a machine does; the processor time of a request does so much less. A regression is
// decided by these ratios.

const TURNS = 7
const TURN_DURATION_MS = 2000
/** A checkout is followed by its release; reads have no such pairs, and an even number of them does no harm. */
const UNIT = 2
/** Only the works with this in their name. */
const ONLY = process.env['BENCH_ONLY'] ?? ''

/** One checkout with a database of its own, ready for load. */
interface Side {
  readonly port: number
  readonly workload: Readonly<Record<string, readonly Script[]>>
  readonly cpu: () => { readonly server: number; readonly postgres: number }
  readonly stop: () => Promise<void>
}

async function startSide(checkout: string): Promise<Side> {
  const home = mkdtempSync(path.join(tmpdir(), 'paperclip-bench-'))
  const postgres = await startEmbedded({ home, durable: true })
  const env = {
    // The owner's login: an older checkout knows no other.
    DATABASE_URL: databaseUrlOf(postgres.ownerConnection),
    PAPERCLIP_HOME: path.join(home, 'server'),
    PORT: '0',
  }
  mkdirSync(env.PAPERCLIP_HOME)
  const server = await startChild({ checkout, script: 'src/main.ts', env, flags: startFlags(checkout) })
  const sql = openPool({ ...postgres.ownerConnection, max: 1, query_timeout: 0, statement_timeout: 0 })
  const api = createApiClient(server.port)
  const company = await createBenchCompany(api, sql, 'Acme', 1000)
  await takeKept(api, sql, company)
  const postmaster = await postmasterOf(sql)
  await sql.end()
  return {
    port: server.port,
    workload: workloadScripts(company),
    cpu: () => ({ server: cpuMs(server.process.pid ?? 0), postgres: postgresCpuMs(postmaster) }),
    stop: async () => {
      await stopChild(server)
      await postgres.stop()
      rmSync(home, { recursive: true, force: true })
    },
  }
}

/** Processor time of one request, in microseconds. */
interface RequestCost {
  readonly server: number
  readonly postgres: number
}

async function measureTurn(generator: Generator, side: Side, scripts: readonly Script[]): Promise<RequestCost> {
  const before = side.cpu()
  const { times } = await generator.play({ port: side.port, scripts, durationMs: TURN_DURATION_MS, unit: UNIT })
  const after = side.cpu()
  const perRequest = (spentMs: number): number => (spentMs * 1000) / times.length
  return { server: perRequest(after.server - before.server), postgres: perRequest(after.postgres - before.postgres) }
}

const sorted = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b)

function report(name: string, part: keyof RequestCost, turns: readonly { readonly old: RequestCost; readonly new: RequestCost }[]): void {
  const ratios = sorted(turns.map((turn) => turn.old[part] / turn.new[part]))
  const cost = (side: 'old' | 'new'): string => `${median(turns.map((turn) => turn[side][part])).toFixed(0)} us`.padStart(8)
  process.stdout.write(
    `${name.padEnd(20)} ${part.padEnd(9)} ${cost('old')} ${cost('new')}   ${median(ratios).toFixed(3)}   ${ratios[0]?.toFixed(3)} to ${ratios.at(-1)?.toFixed(3)}\n`,
  )
}

/**
 * Compares the processor time of a request in this checkout with that in another one.
 * @param oldCheckout a checkout with its packages installed; relative to the working directory
 */
export async function compareCpu(oldCheckout: string): Promise<void> {
  const generator = startGenerator()
  const sides = { old: await startSide(path.resolve(oldCheckout)), new: await startSide(thisCheckout) }
  try {
    process.stdout.write(
      `${TURNS} turns of ${TURN_DURATION_MS} ms each; processor time of a request, median; ratio old / new, median and range\n`,
    )
    process.stdout.write(`${''.padEnd(30)} ${'old'.padStart(8)} ${'new'.padStart(8)}   ratio\n`)
    const names = Object.keys(sides.new.workload).filter((name) => name.includes(ONLY))
    for (const name of names) {
      for (const side of [sides.old, sides.new])
        await generator.play({ port: side.port, scripts: side.workload[name] ?? [], durationMs: TURN_DURATION_MS / 2, unit: UNIT })
      const turns: { old: RequestCost; new: RequestCost }[] = []
      for (let turn = 0; turn < TURNS; turn += 1) {
        // The sides take turns in going first, so that a slow drift of the machine favours neither.
        const order = turn % 2 === 0 ? (['old', 'new'] as const) : (['new', 'old'] as const)
        const costs: Partial<Record<'old' | 'new', RequestCost>> = {}
        for (const side of order) costs[side] = await measureTurn(generator, sides[side], sides[side].workload[name] ?? [])
        turns.push(costs as Record<'old' | 'new', RequestCost>)
      }
      report(name, 'server', turns)
      report(name, 'postgres', turns)
    }
  } finally {
    generator.stop()
    await Promise.all([sides.old.stop(), sides.new.stop()])
  }
}
