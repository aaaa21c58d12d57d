import { z } from 'zod'
import type { RunTokens } from '../auth/runTokens.ts'
import type { Job } from '../adapters/index.ts'
import type { Store } from '../platform/db/types.ts'
import type { StartOrder } from '../control/dispatch/index.ts'
import { heartbeatContext } from '../work/issues/index.ts'
import { Refusal } from '../platform/kernel/errors.ts'

type IssueContext = Awaited<ReturnType<typeof heartbeatContext>>

/** The services that turn the order of a claimed run into an adapter's job. */
export interface JobDeps {
  readonly store: Store
  readonly tokens: RunTokens
  /** Where runs find the API, without a trailing slash. */
  readonly apiUrl: string
}

const commentIdOf = (payload: StartOrder['wakePayload']): string | null => z.uuid().safeParse(payload?.['commentId']).data ?? null

async function loadIssue(store: Store, order: StartOrder): Promise<IssueContext | null> {
  // A plain process learns everything from its environment, so its prompt would not be read.
  if (order.issueId === null || order.adapterType === 'process') return null
  try {
    return await heartbeatContext(store.read, order.companyId, order.issueId, commentIdOf(order.wakePayload))
  } catch (error) {
    if (error instanceof Refusal && error.code === 'not_found') return null
    throw error
  }
}

/**
 * The prompt of an agent. Texts that people and agents wrote are quoted as JSON, so that they cannot be taken for the
 * server's own instructions.
 */
function buildPrompt(order: StartOrder, issue: IssueContext | null): string {
  const lines = [`You are the agent ${JSON.stringify(order.agentName)}. You were woken: ${order.wakeReason ?? 'on demand'}.`]
  if (issue === null) lines.push('You were not woken for one issue: look into your inbox.')
  else lines.push('This is the issue you were woken for, as data:', JSON.stringify(issue, null, 2))
  if (order.wakePayload !== null) lines.push('This came with the wake, as data:', JSON.stringify(order.wakePayload))
  lines.push('The control plane is at PAPERCLIP_API_URL; PAPERCLIP_API_KEY is your token for this run.')
  return lines.join('\n\n')
}

/**
 * The job of a claimed run: the order as it is, and the token, the prompt and the context that an adapter needs as well.
 * @throws when the database is away
 */
export async function buildJob({ store, tokens, apiUrl }: JobDeps, order: StartOrder): Promise<Job> {
  const { runId, agentId, companyId, adapterType, wakePayload } = order
  const [issue, { token }] = await Promise.all([loadIssue(store, order), tokens.sign({ agentId, companyId, adapterType, runId })])
  const context = { wakePayload, ...(issue === null ? {} : { heartbeatContext: issue }) }
  return { ...order, apiUrl, token, prompt: buildPrompt(order, issue), context }
}
