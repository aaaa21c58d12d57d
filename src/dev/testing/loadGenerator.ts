import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from '../../platform/db/driver/client.ts'
import { findOrphanHolds } from '../../testing/host/looks.ts'
import { send } from './serverProcess.ts'
import type { Reply } from './serverProcess.ts'

const AGENTS = 8
const ISSUES = 10
/** How long a worker waits before it looks whether the server is back. */
const RETRY_MS = 20

const allStatuses = ['todo', 'backlog', 'blocked', 'in_review', 'in_progress', 'done', 'cancelled']

/** A change that was acknowledged, as the audit row that must therefore exist. */
interface Acknowledged {
  readonly action: string
  readonly entityId: string
  /** The details that the audit row must contain. */
  readonly details: Readonly<Record<string, unknown>>
  /** The row that must exist besides, where the change made one. */
  readonly row?: { readonly table: 'issues' | 'issue_comments'; readonly id: string }
}

interface Worker {
  readonly agentId: string
  readonly key: string
  run: { readonly id: string; readonly token: string } | null
  heldIssueId: string | null
}

export interface LoadGenerator {
  readonly acknowledged: readonly Acknowledged[]
  /** Answers of a server that was there and broke: none is expected. */
  readonly serverErrors: readonly string[]
  /** Where the server is now; null while there is none. */
  setUrl(url: string | null): void
  /** Ends the load; resolves when the last answer is in. */
  stop(): Promise<void>
}

const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T

/** Where the server is, and everything that it acknowledged. */
interface LoadState {
  url: string | null
  readonly issuesPath: string
  readonly issues: string[]
  readonly acknowledged: Acknowledged[]
  readonly serverErrors: string[]
}

/** Returns null when no server answered: then nothing was acknowledged, whatever happened. */
async function postIfUp(state: LoadState, path: string, body: object, token?: string): Promise<Reply | null> {
  if (state.url === null) return null
  const reply = await send(`${state.url}${path}`, 'POST', body, token).catch(() => null)
  if (reply !== null && reply.status >= 500 && reply.status !== 503)
    state.serverErrors.push(`${path} ${reply.status} ${JSON.stringify(reply.body)}`)
  return reply
}

async function create(state: LoadState): Promise<Reply | null> {
  const title = `Issue ${state.issues.length}`
  const reply = await postIfUp(state, state.issuesPath, { title, status: 'todo' })
  if (reply?.status === 201) {
    const { id } = reply.body
    state.issues.push(id)
    state.acknowledged.push({ action: 'issue.created', entityId: id, details: { title }, row: { table: 'issues', id } })
  }
  return reply
}

async function open(state: LoadState, worker: Worker): Promise<Reply | null> {
  worker.heldIssueId = null
  const reply = await postIfUp(state, `/api/agents/${worker.agentId}/runs`, {}, worker.key)
  if (reply?.status === 201) {
    worker.run = { id: reply.body.run.id, token: reply.body.token }
    state.acknowledged.push({ action: 'heartbeat.run_started', entityId: worker.run.id, details: { agentId: worker.agentId } })
  }
  return reply
}

async function comment(state: LoadState, worker: Worker, token: string): Promise<Reply | null> {
  const id = pick(state.issues)
  const reply = await postIfUp(state, `/api/issues/${id}/comments`, { body: `by ${worker.agentId}` }, token)
  if (reply?.status === 201) {
    const row = { table: 'issue_comments', id: reply.body.id } as const
    state.acknowledged.push({ action: 'issue.comment_added', entityId: id, details: { commentId: row.id }, row })
  }
  return reply
}

async function checkout(state: LoadState, worker: Worker, run: { id: string; token: string }): Promise<Reply | null> {
  const id = pick(state.issues)
  const body = { agentId: worker.agentId, expectedStatuses: ['todo', 'backlog'] }
  const reply = await postIfUp(state, `/api/issues/${id}/checkout`, body, run.token)
  if (reply?.status === 200) {
    worker.heldIssueId = id
    // The same answer again after a repeated request has no row of its own; the epoch names the existing row.
    state.acknowledged.push({ action: 'issue.checked_out', entityId: id, details: { runId: run.id, lockEpoch: reply.body.lockEpoch } })
  }
  return reply
}

async function release(state: LoadState, worker: Worker, token: string): Promise<Reply | null> {
  const issueId = worker.heldIssueId ?? ''
  const reply = await postIfUp(state, `/api/issues/${issueId}/release`, {}, token)
  if (reply?.status === 200)
    state.acknowledged.push({ action: 'issue.released', entityId: issueId, details: { lockEpoch: reply.body.lockEpoch } })
  worker.heldIssueId = null
  return reply
}

async function finish(state: LoadState, worker: Worker, run: { id: string; token: string }): Promise<Reply | null> {
  const reply = await postIfUp(state, `/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' }, run.token)
  if (reply?.status === 200)
    state.acknowledged.push({ action: 'heartbeat.run_finished', entityId: run.id, details: { agentId: worker.agentId } })
  worker.run = null
  return reply
}

async function act(state: LoadState, worker: Worker): Promise<Reply | null> {
  if (worker.run === null) return await open(state, worker)
  const chance = Math.random()
  if (chance < 0.05) return await create(state)
  if (chance < 0.1) return await finish(state, worker, worker.run)
  if (chance < 0.3) return await comment(state, worker, worker.run.token)
  return worker.heldIssueId === null ? await checkout(state, worker, worker.run) : await release(state, worker, worker.run.token)
}

async function createWorkers(url: string, companyId: string): Promise<Worker[]> {
  const workers: Worker[] = []
  for (let count = 0; count < AGENTS; count += 1) {
    const agent = (await send(`${url}/api/companies/${companyId}/agents`, 'POST', { name: `Worker ${count}` })).body
    const key = (await send(`${url}/api/agents/${agent.id}/keys`, 'POST', { name: 'load' })).body
    workers.push({ agentId: agent.id, key: key.token, run: null, heldIssueId: null })
  }
  return workers
}

/**
 * Starts agents that check out, comment, create, release and finish as fast as they are answered, and that remember every answer.
 * @param url of a running server, which gets the company in which they work
 */
export async function startLoadGenerator(url: string): Promise<LoadGenerator> {
  const company = (await send(`${url}/api/companies`, 'POST', { name: 'Load' })).body
  const state: LoadState = { url, issuesPath: `/api/companies/${company.id}/issues`, issues: [], acknowledged: [], serverErrors: [] }
  const workers = await createWorkers(url, company.id)
  let isStopped = false
  const work = async (worker: Worker): Promise<void> => {
    while (!isStopped) {
      const reply = await act(state, worker)
      // The run ended and its worker did not learn of it: replace it.
      if (reply?.status === 401) worker.run = null
      if (reply === null || reply.status === 503) await sleep(RETRY_MS)
    }
  }
  for (let count = 0; count < ISSUES; count += 1) await create(state)
  const working = Promise.all(workers.map(work))
  return {
    acknowledged: state.acknowledged,
    serverErrors: state.serverErrors,
    setUrl: (next) => void (state.url = next),
    async stop() {
      isStopped = true
      await working
    },
  }
}

/** Finds changes that were acknowledged and whose row or audit row is missing. */
export async function findLostChanges(sql: Pool, acknowledged: readonly Acknowledged[]): Promise<Acknowledged[]> {
  const { rows } = await sql.query<{ index: number }>(
    `select (ordinality - 1)::int as index from jsonb_array_elements($1::jsonb) with ordinality as acknowledged (fact, ordinality)
     where not exists (select from activity_log where action = fact->>'action' and entity_id = fact->>'entityId' and details @> (fact->'details'))
       or (fact->'row'->>'table' = 'issues' and not exists (select from issues where id = (fact->'row'->>'id')::uuid))
       or (fact->'row'->>'table' = 'issue_comments' and not exists (select from issue_comments where id = (fact->'row'->>'id')::uuid))`,
    [JSON.stringify(acknowledged)],
  )
  return rows.flatMap(({ index }) => acknowledged[index] ?? [])
}

/** Rows without their audit row, or audit rows without their row (I6). */
export async function countUnpaired(sql: Pool): Promise<Record<string, number>> {
  const { rows } = await sql.query<Record<string, number>>(`select
    (select count(*)::int from issues i where not exists (select from activity_log where action = 'issue.created' and entity_id = i.id::text)) as issues,
    (select count(*)::int from issue_comments c where not exists
      (select from activity_log where action = 'issue.comment_added' and details->>'commentId' = c.id::text)) as comments,
    (select count(*)::int from activity_log where action = 'issue.created' and not exists (select from issues where id::text = entity_id)) as "issuesLost",
    (select count(*)::int from activity_log where action = 'issue.comment_added' and not exists
      (select from issue_comments where id::text = details->>'commentId')) as "commentsLost"`)
  return rows[0] ?? {}
}

/** Issues that name an ended run, and issues that name one whose lease is out. */
export async function countStaleHolds(sql: Pool): Promise<{ byEndedRuns: number; byDeadLeases: number }> {
  const orphans = await findOrphanHolds(sql)
  const byEndedRuns = orphans.filter(({ because }) => because === 'ended').length
  return { byEndedRuns, byDeadLeases: orphans.length - byEndedRuns }
}

/** Takes every issue by one request of a new run of its assignee, or of any agent. The board opens the runs. @returns the issues that could not be taken */
export async function checkoutAll(url: string, sql: Pool, boardToken?: string): Promise<string[]> {
  const { rows } = await sql.query<{ id: string; agentId: string }>(
    `select i.id, coalesce(i.assignee_agent_id, (select id from agents a where a.company_id = i.company_id limit 1)) as "agentId" from issues i`,
  )
  const refusals = await Promise.all(
    rows.map(async ({ id, agentId }) => {
      const opened = await send(`${url}/api/agents/${agentId}/runs`, 'POST', {}, boardToken)
      if (opened.status !== 201) return [`${id}: no run for it: ${opened.status} ${JSON.stringify(opened.body)}`]
      const checkoutReply = await send(
        `${url}/api/issues/${id}/checkout`,
        'POST',
        { agentId, expectedStatuses: allStatuses },
        opened.body.token,
      )
      return checkoutReply.status === 200 ? [] : [`${id}: ${checkoutReply.status} ${JSON.stringify(checkoutReply.body)}`]
    }),
  )
  return refusals.flat()
}
