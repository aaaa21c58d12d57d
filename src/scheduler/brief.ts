import { z } from 'zod'
import type { RunTokens } from '../access/runTokens.ts'
import type { Job } from '../adapters/index.ts'
import type { Store } from '../db/store.ts'
import type { StartOrder } from '../execution/index.ts'
import { heartbeatContext } from '../issues/index.ts'
import { Refusal } from '../kernel/errors.ts'

type IssueContext = Awaited<ReturnType<typeof heartbeatContext>>

/** What a run is told: who it is for, where the API is, and what it is about. */
export interface Briefing {
  readonly store: Store
  readonly tokens: RunTokens
  readonly apiUrl: string
}

const commentOf = (payload: StartOrder['wakePayload']): string | null => z.uuid().safeParse(payload?.['commentId']).data ?? null

async function issueOf(store: Store, order: StartOrder): Promise<IssueContext | null> {
  // A command that learns all from its environment is not told what it would not read.
  if (order.issueId === null || order.adapterType === 'process') return null
  try {
    return await heartbeatContext(store.read, order.companyId, order.issueId, commentOf(order.wakePayload))
  } catch (error) {
    if (error instanceof Refusal && error.code === 'not_found') return null
    throw error
  }
}

/**
 * The words for an agent that is told in words. What people and agents wrote stands in it as JSON, so that it cannot be
 * taken for anything the server says.
 */
function promptOf(order: StartOrder, issue: IssueContext | null): string {
  const lines = [`You are the agent ${JSON.stringify(order.agentName)}. You were woken: ${order.wakeReason ?? 'on demand'}.`]
  if (issue === null) lines.push('You were not woken for one issue: look into your inbox.')
  else lines.push('This is the issue you were woken for, as data:', JSON.stringify(issue, null, 2))
  if (order.wakePayload !== null) lines.push('This came with the wake, as data:', JSON.stringify(order.wakePayload))
  lines.push('The control plane is at PAPERCLIP_API_URL; PAPERCLIP_API_KEY is your token for this run.')
  return lines.join('\n\n')
}

/** Everything an adapter needs to start a run, its token included. @throws when the database is away */
export async function jobOf({ store, tokens, apiUrl }: Briefing, order: StartOrder): Promise<Job> {
  const { runId, agentId, companyId, adapterType, issueId } = order
  const [issue, { token }] = await Promise.all([issueOf(store, order), tokens.mint({ agentId, companyId, adapterType, runId })])
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
    prompt: promptOf(order, issue),
    context: { wakePayload: order.wakePayload, ...(issue === null ? {} : { heartbeatContext: issue }) },
  }
}
