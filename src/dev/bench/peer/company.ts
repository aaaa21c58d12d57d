import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createApiClient } from '../apiClient.ts'
import type { ApiClient } from '../apiClient.ts'
import type { Worker } from '../company.ts'
import type { Side } from './sides.ts'

/** Callers of the works that are stated for 16 agents; the other works have half of them. */
export const AGENTS = 16
export const CALLERS = 8

/** How many issues a side has. */
interface Sizes {
  /** Of the company whose reads are measured. */
  readonly issues: number
  /** Of each agent, that only it takes and gives back. */
  readonly toTake: number
  /** Of each agent, that it has for itself throughout. */
  readonly toKeep: number
  /** Of the company of which both servers list all. */
  readonly few: number
}

const usualSizes: Sizes = { issues: 1000, toTake: 16, toKeep: 10, few: 50 }

const PLANTED_AT_ONCE = 8
const RUN_POLL_MS = 50

/** An agent with a run and with issues of its own. */
export interface PeerWorker extends Worker {
  readonly toTake: readonly string[]
  readonly kept: readonly string[]
}

/** Everything that a side has before it is measured; the same on both. */
export interface Prepared {
  readonly api: ApiClient
  readonly companyId: string
  readonly workers: readonly PeerWorker[]
  /** Issues that are there to be raced for. */
  readonly toRaceFor: readonly string[]
  /** A company with few issues, and a credential of it. */
  readonly few: { readonly companyId: string; readonly headers: Record<string, string> }
}

/** Makes many things through the API, a few at a time, and keeps their order. */
async function createAll<T>(count: number, create: (index: number) => Promise<T>): Promise<T[]> {
  const made: T[] = []
  for (let from = 0; from < count; from += PLANTED_AT_ONCE) {
    const indexes = Array.from({ length: Math.min(PLANTED_AT_ONCE, count - from) }, (_, at) => from + at)
    made.push(...(await Promise.all(indexes.map(create))))
  }
  return made
}

/** The body of a new issue, of the length that an issue usually has. */
export const issueBody = (index: number): object => ({
  title: `Issue ${index}: what is to be done`,
  description: 'What is to be done, and why. '.repeat(8),
  status: 'todo',
  priority: ['critical', 'high', 'medium', 'low'][index % 4],
})

async function createIssues(
  api: ApiClient,
  companyId: string,
  callers: readonly Record<string, string>[],
  count: number,
): Promise<string[]> {
  const issues = await createAll(count, (index) =>
    api.post(`/api/companies/${companyId}/issues`, issueBody(index), callers[index % callers.length]),
  )
  return issues.map((issue) => String(issue['id']))
}

/** Opens a run that lasts as long as the bench: on our side one that lives elsewhere, on theirs a program that waits. */
async function openRun(side: Pick<Side, 'name'>, api: ApiClient, agentId: string): Promise<string> {
  if (side.name === 'ours') {
    const opened = await api.post(`/api/agents/${agentId}/runs`, { leaseSeconds: 3600 })
    return (opened['run'] as { id: string }).id
  }
  const { id } = await api.post(`/api/agents/${agentId}/wakeup`, {})
  const runId = String(id)
  while ((await api.get(`/api/heartbeat-runs/${runId}`))['status'] === 'queued') await delay(RUN_POLL_MS)
  return runId
}

async function createAgent(side: Pick<Side, 'name' | 'folder'>, api: ApiClient, companyId: string, name: string): Promise<Worker> {
  const markerFile = path.join(side.folder, 'running')
  writeFileSync(markerFile, '')
  const agent = await api.post(`/api/companies/${companyId}/agents`, {
    name,
    adapterType: 'process',
    // It ends by itself soon after the folder is removed, also when its server was killed.
    adapterConfig: { command: 'sh', args: ['-c', `while [ -e '${markerFile}' ]; do sleep 5; done`] },
    runtimeConfig: { heartbeat: { enabled: false } },
  })
  const agentId = String(agent['id'])
  const key = await api.post(`/api/agents/${agentId}/keys`, { name: 'bench' })
  const runId = await openRun(side, api, agentId)
  return { agentId, runId, headers: { Authorization: `Bearer ${String(key['token'])}`, 'X-Paperclip-Run-Id': runId } }
}

const checkOut = (api: ApiClient, issueId: string, { agentId, headers }: Worker): Promise<unknown> =>
  api.post(`/api/issues/${issueId}/checkout`, { agentId, expectedStatuses: ['todo'] }, headers)

/** Creates, through the API alone, what is measured. */
export async function prepareSide(side: Pick<Side, 'name' | 'port' | 'folder'>, sizes: Sizes = usualSizes): Promise<Prepared> {
  const api = createApiClient(side.port)
  const companyId = String((await api.post('/api/companies', { name: 'Acme' }))['id'])
  const workers: Worker[] = []
  for (let index = 0; index < AGENTS; index += 1) workers.push(await createAgent(side, api, companyId, `Worker ${index}`))
  const headers = workers.map((worker) => worker.headers)
  const issueIds = await createIssues(api, companyId, headers, sizes.issues)
  const take = (count: number): string[] => issueIds.splice(0, count)
  const equipped = workers.map((worker) => ({ ...worker, toTake: take(sizes.toTake), kept: take(sizes.toKeep) }))
  for (const worker of equipped) for (const id of worker.kept) await checkOut(api, id, worker)
  const fewCompanyId = String((await api.post('/api/companies', { name: 'Few' }))['id'])
  const lister = await createAgent(side, api, fewCompanyId, 'Lister')
  await createIssues(api, fewCompanyId, [lister.headers], sizes.few)
  return { api, companyId, workers: equipped, toRaceFor: issueIds, few: { companyId: fewCompanyId, headers: lister.headers } }
}
