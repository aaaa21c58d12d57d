import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openPool } from '../../../platform/db/driver/client.ts'
import type { Pool } from '../../../platform/db/driver/client.ts'
import { createStore } from '../../../platform/db/store.ts'
import { startEmbedded } from '../../../platform/embedded/index.ts'
import { embeddedOwnerOf } from '../../testing/serverProcess.ts'
import { createApiClient } from '../apiClient.ts'
import type { ApiClient } from '../apiClient.ts'
import { cacheFolder } from '../cacheFolder.ts'
import { startChild, startFlags, stopChild, thisCheckout } from '../children.ts'
import type { Child } from '../children.ts'
import { cpuMs } from '../processes.ts'
import { finishTasks, plantRows } from './plant.ts'

/** The names in a planted database that reads need. */
export interface PlantedFacts {
  readonly companyId: string
  readonly prefix: string
  readonly issues: number
  readonly agentId: string
  readonly projectId: string
  readonly labelId: string
  readonly issueId: string
  readonly runId: string
}

/** A server on a planted database. */
export interface PlantedServer {
  readonly facts: PlantedFacts
  readonly child: Child
  readonly api: ApiClient
  /** The cost of the start on that database, in ms. */
  readonly start: { readonly elapsedMs: number; readonly cpuMs: number }
  /** How much the database takes on the disk. */
  readonly databaseMb: number
}

/** As many at every size, so that only what grows with the issues differs. */
const AGENTS = 200
const PROJECTS = 20
const LABELS = 20
/** Written last: a folder without it was left by a planting that did not end. */
const FACTS_FILE = 'planted.json'

/** The hash of everything that a planted database depends on: the migrations, and the files that plant. */
function hashOfSources(): string {
  const hash = createHash('sha256')
  for (const folder of ['drizzle', 'src/dev/bench/growth']) {
    const names = readdirSync(path.join(thisCheckout, folder)).filter((name) => /\.sql$|^(rows|auditRows|plant|database)\.ts$/.test(name))
    for (const name of names.toSorted()) hash.update(readFileSync(path.join(thisCheckout, folder, name)))
  }
  return hash.digest('hex').slice(0, 12)
}

/** The server of a home, with the embedded Postgres of that home, as `npm start` runs it. */
const startOn = (home: string): Promise<Child> =>
  startChild({ checkout: thisCheckout, script: 'src/main.ts', env: { PAPERCLIP_HOME: home, PORT: '0' }, flags: startFlags(thisCheckout) })

const createMany = async (api: ApiClient, at: string, bodies: readonly object[]): Promise<string[]> => {
  const ids: string[] = []
  for (const body of bodies) ids.push(String((await api.post(at, body))['id']))
  return ids
}

type Roster = Omit<PlantedFacts, 'issueId' | 'runId' | 'agentId' | 'projectId' | 'labelId'> & {
  readonly agentIds: string[]
  readonly projectIds: string[]
  readonly labelIds: string[]
}

/** Creates through the API what the planted rows belong to. The agents are paused, or the server would wake them for their issues. */
async function createRoster(api: ApiClient, issues: number): Promise<Roster> {
  const company = await api.post('/api/companies', { name: 'Planted' })
  const at = `/api/companies/${String(company['id'])}`
  const named = (word: string, count: number): { name: string }[] =>
    Array.from({ length: count }, (_, index) => ({ name: `${word} ${index}` }))
  const agentIds = await createMany(api, `${at}/agents`, named('Agent', AGENTS))
  for (const id of agentIds) await api.post(`/api/agents/${id}/pause`, {})
  return {
    companyId: String(company['id']),
    prefix: String(company['issuePrefix']),
    issues,
    agentIds,
    projectIds: await createMany(api, `${at}/projects`, named('Project', PROJECTS)),
    labelIds: await createMany(
      api,
      `${at}/labels`,
      named('Label', LABELS).map((label) => ({ ...label, color: '#336699' })),
    ),
  }
}

/** Waits until the server has sealed what it wrote, so that the planted chain can follow. */
async function waitForSealing(home: string): Promise<void> {
  const sql = openPool({ ...embeddedOwnerOf(home), max: 1 })
  try {
    for (;;) {
      const { rows } = await sql.query<{ unsealed: number }>(
        'select ((select count(*) from activity_log) - (select count(*) from activity_chain))::int as unsealed',
      )
      if (rows[0]?.unsealed === 0) return
      await delay(200)
    }
  } finally {
    await sql.end()
  }
}

async function plantInto(home: string, roster: Roster, note: (text: string) => void): Promise<PlantedFacts> {
  // Not durable while it is planted: a planting that is interrupted is repeated.
  const postgres = await startEmbedded({ home, durable: false })
  const sql = openPool({ ...postgres.ownerConnection, max: 4, query_timeout: 0, statement_timeout: 0, lock_timeout: 0 })
  try {
    const { rows } = await sql.query<{ now: number }>('select extract(epoch from now()) * 1000 as now')
    const { issueIds, runIds } = await plantRows(
      sql,
      { ...roster, userId: 'local-board', newestAt: Math.floor(Number(rows[0]?.now)) },
      note,
    )
    await finishTasks(createStore(sql), note)
    note('vacuum')
    await sql.query('vacuum (freeze, analyze)')
    const { companyId, prefix, issues, agentIds, projectIds, labelIds } = roster
    const of = (ids: readonly string[]): string => ids[Math.floor(ids.length / 2)] ?? ''
    return {
      companyId,
      prefix,
      issues,
      agentId: of(agentIds),
      projectId: of(projectIds),
      labelId: of(labelIds),
      issueId: of(issueIds),
      runId: of(runIds),
    }
  } finally {
    await sql.end()
    await postgres.stop()
  }
}

/** Removes what an earlier bench planted at this size: a database of other migrations takes gigabytes and is of no more use. */
function removePlanted(issues: number): void {
  const names = readdirSync(cacheFolder()).filter((name) => name.startsWith('planted-') && name.endsWith(`-${issues}`))
  for (const name of names) rmSync(path.join(cacheFolder(), name), { recursive: true, force: true })
}

async function plant(home: string, issues: number, note: (text: string) => void): Promise<void> {
  removePlanted(issues)
  mkdirSync(home, { recursive: true })
  const child = await startOn(home)
  let roster: Roster
  try {
    roster = await createRoster(createApiClient(child.port), issues)
    await waitForSealing(home)
  } finally {
    await stopChild(child)
  }
  const facts = await plantInto(home, roster, note)
  writeFileSync(path.join(home, FACTS_FILE), JSON.stringify(facts))
}

async function databaseMb(home: string): Promise<number> {
  const sql: Pool = openPool({ ...embeddedOwnerOf(home), max: 1 })
  const { rows } = await sql.query<{ mb: number }>('select (pg_database_size(current_database()) / 1048576)::int as mb')
  await sql.end()
  return rows[0]?.mb ?? 0
}

/**
 * Starts a server on a planted database of a size, which an earlier bench may have left.
 * @param options.replant plants it again
 * @param options.note receives what is planted at the moment
 */
export async function startPlanted(
  issues: number,
  { replant, note }: { readonly replant: boolean; readonly note: (text: string) => void },
): Promise<PlantedServer> {
  const home = path.join(cacheFolder(), `planted-${hashOfSources()}-${issues}`)
  const factsFile = path.join(home, FACTS_FILE)
  if (replant || !existsSync(factsFile)) {
    const startedAt = performance.now()
    const elapsed = (): string => `${((performance.now() - startedAt) / 1000).toFixed(0)} s`
    await plant(home, issues, (table) => note(`planting ${issues} issues, after ${elapsed()}: ${table}`))
    note(`planted ${issues} issues in ${elapsed()}`)
  }
  const facts = JSON.parse(readFileSync(factsFile, 'utf8')) as PlantedFacts
  const startedAt = performance.now()
  const child = await startOn(home)
  const start = { elapsedMs: performance.now() - startedAt, cpuMs: cpuMs(child.process.pid ?? 0) }
  return { facts, child, api: createApiClient(child.port), start, databaseMb: await databaseMb(home) }
}
