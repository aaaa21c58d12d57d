import type { Pool } from '../../platform/db/driver/client.ts'
import type { ApiClient } from './apiClient.ts'
import { prepareRequest } from './load.ts'
import type { Script } from './load.ts'
import { seedIssues } from './seed.ts'

/** Connections of the load; the bars are stated for this number. */
export const CONNECTIONS = 16

/** An agent that works on a connection of its own, inside its own run. */
export interface Worker {
  readonly agentId: string
  readonly runId: string
  readonly headers: Record<string, string>
}

/** A company that is measured. */
export interface Company {
  readonly id: string
  readonly workers: readonly Worker[]
  readonly issueIds: readonly string[]
}

/** A company with issues, and one agent with key and run for each connection. */
export async function createBenchCompany(api: ApiClient, sql: Pool, name: string, issues: number): Promise<Company> {
  const company = await api.post('/api/companies', { name })
  const id = String(company['id'])
  await seedIssues(sql, id, String(company['issuePrefix']), issues)
  const workers: Worker[] = []
  for (let index = 0; index < CONNECTIONS; index += 1) {
    const agent = await api.post(`/api/companies/${id}/agents`, { name: `Worker ${index}` })
    const key = await api.post(`/api/agents/${String(agent['id'])}/keys`, {})
    const opened = await api.post(`/api/agents/${String(agent['id'])}/runs`, { leaseSeconds: 3600 })
    const runId = (opened['run'] as { id: string }).id
    workers.push({
      agentId: String(agent['id']),
      runId,
      headers: { Authorization: `Bearer ${String(key['token'])}`, 'X-Paperclip-Run-Id': runId },
    })
  }
  const { rows } = await sql.query<{ id: string }>(
    `select id from issues where company_id = $1 and status = 'todo' order by created_at limit 400`,
    [id],
  )
  return { id, workers, issueIds: rows.map((row) => row.id) }
}

/** Issues each connection has for itself, so that no connection waits for a row. */
const ISSUES_PER_CONNECTION = 16

export const ownIssues = (company: Company, connection: number): readonly string[] =>
  company.issueIds.slice(connection * ISSUES_PER_CONNECTION, (connection + 1) * ISSUES_PER_CONNECTION)

/** Issues that each agent keeps, so that its list and the dashboard have something to show. */
const KEPT_PER_WORKER = 9

/** Lets each agent take the issues that it keeps, and gives it a program, as agents at work have one. */
export async function takeKept(api: ApiClient, sql: Pool, company: Company): Promise<void> {
  await sql.query(`update agents set adapter_config = '{"command":"true"}' where company_id = $1`, [company.id])
  const toKeep = company.issueIds.slice(CONNECTIONS * ISSUES_PER_CONNECTION)
  for (const [index, { agentId, headers }] of company.workers.entries())
    for (const id of toKeep.slice(index * KEPT_PER_WORKER, (index + 1) * KEPT_PER_WORKER))
      await api.post(`/api/issues/${id}/checkout`, { agentId, expectedStatuses: ['todo'] }, headers)
}

/** The works whose processor time is compared. */
type WorkName = 'checkout + release' | 'GET issue' | 'list 50' | 'mine' | 'activity' | 'dashboard' | 'create issue'

/** The requests of each connection, for the work that is measured: one script for each worker. */
export function workloadScripts(company: Company): Readonly<Record<WorkName, Script[]>> {
  const below = `/api/companies/${company.id}`
  const each = (make: (worker: Worker, issueIds: readonly string[]) => Script): Script[] =>
    company.workers.map((worker, connection) => make(worker, ownIssues(company, connection)))
  return {
    'checkout + release': each((worker, issueIds) =>
      issueIds.flatMap((id) => [
        prepareRequest({
          method: 'POST',
          path: `/api/issues/${id}/checkout`,
          headers: worker.headers,
          body: { agentId: worker.agentId, expectedStatuses: ['todo'] },
        }),
        prepareRequest({ method: 'POST', path: `/api/issues/${id}/release`, headers: worker.headers, body: {} }),
      ]),
    ),
    'GET issue': each((worker, issueIds) => issueIds.map((id) => prepareRequest({ path: `/api/issues/${id}`, headers: worker.headers }))),
    'list 50': each(({ headers }) => [prepareRequest({ path: `${below}/issues?limit=50`, headers })]),
    mine: each(({ agentId, headers }) => [
      prepareRequest({ path: `${below}/issues?assigneeAgentId=${agentId}&status=todo,in_progress`, headers }),
    ]),
    activity: each(({ headers }) => [prepareRequest({ path: `${below}/activity?limit=50`, headers })]),
    dashboard: each(({ headers }) => [prepareRequest({ path: `${below}/dashboard`, headers })]),
    'create issue': each(({ headers }) => [
      prepareRequest({
        method: 'POST',
        path: `${below}/issues`,
        headers,
        body: { title: 'What is to be done', description: 'What is to be done, and why. '.repeat(8), status: 'todo' },
        expectedStatuses: [201],
      }),
    ]),
  }
}
