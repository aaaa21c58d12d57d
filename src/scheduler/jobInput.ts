import { z } from 'zod'
import type { RunTokens } from '../auth/runTokens.ts'
import type { Job } from '../adapters/index.ts'
import type { Store } from '../platform/db/types.ts'
import type { StartOrder } from '../control/dispatch/index.ts'
import { heartbeatContext } from '../work/issues/index.ts'
import { Refusal } from '../platform/kernel/errors.ts'

type IssueContext = Awaited<ReturnType<typeof heartbeatContext>>

/** What a run is told: who it is for, where the API is, and what it is about. */
export interface JobDeps {
  readonly store: Store
  readonly tokens: RunTokens
  readonly apiUrl: string
}

const commentIdOf = (payload: StartOrder['wakePayload']): string | null => z.uuid().safeParse(payload?.['commentId']).data ?? null

async function loadIssue(store: Store, order: StartOrder): Promise<IssueContext | null> {
  // A command that learns all from its environment is not told what it would not read.
  if (order.issueId === null || order.adapterType === 'process') return null
  try {
    return await heartbeatContext(store.read, order.companyId, order.issueId, commentIdOf(order.wakePayload))
  } catch (error) {
    if (error instanceof Refusal && error.code === 'not_found') return null
    throw error
  }
}

/**
 * The words for an agent that is told in words. What people and agents wrote stands in it as JSON, so that it cannot be
 * taken for anything the server says.
 */
function buildPrompt(order: StartOrder, issue: IssueContext | null): string {
  const lines = [`You are the agent ${JSON.stringify(order.agentName)}. You were woken: ${order.wakeReason ?? 'on demand'}.`]
  if (issue === null) lines.push('You were not woken for one issue: look into your inbox.')
  else lines.push('This is the issue you were woken for, as data:', JSON.stringify(issue, null, 2))
  if (order.wakePayload !== null) lines.push('This came with the wake, as data:', JSON.stringify(order.wakePayload))
  lines.push('The control plane is at PAPERCLIP_API_URL; PAPERCLIP_API_KEY is your token for this run.')
  return lines.join('\n\n')
}

/** Everything an adapter needs to start a run, its token included. @throws when the database is away */
export async function buildJob({ store, tokens, apiUrl }: JobDeps, order: StartOrder): Promise<Job> {
  const { runId, agentId, companyId, adapterType, issueId } = order
  const [issue, { token }] = await Promise.all([loadIssue(store, order), tokens.sign({ agentId, companyId, adapterType, runId })])
  return {
    runId,
    agentId,
    companyId,
    issueId,
    wakeReason: order.wakeReason,
    apiUrl,
    token,
    config: order.adapterConfig,
    sessionIdBefore: order.sessionIdBefore,
    prompt: buildPrompt(order, issue),
    context: { wakePayload: order.wakePayload, ...(issue === null ? {} : { heartbeatContext: issue }) },
  }
}
