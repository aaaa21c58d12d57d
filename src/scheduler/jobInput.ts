import { z } from 'zod'
import type { RunTokens } from '../auth/runTokens.ts'
import type { Job } from '../adapters/index.ts'
import type { Store } from '../platform/db/types.ts'
import type { StartOrder } from '../control/dispatch/index.ts'
import { heartbeatContext, newWords } from '../work/issues/index.ts'
import type { NewWords } from '../work/issues/index.ts'
import { openGiven, rememberCover } from '../org/secrets/index.ts'
import { loadGiven } from './givenFiles.ts'
import { Refusal } from '../platform/kernel/errors.ts'
import type { Log } from '../platform/kernel/log.ts'

/** The part of an order that a job repeats: everything but the sealed secrets. */
type Order = Omit<StartOrder, 'givenSecrets'>

type IssueContext = Awaited<ReturnType<typeof heartbeatContext>>

/** The services that turn the order of a claimed run into an adapter's job. */
export interface JobDeps {
  readonly store: Store
  readonly tokens: RunTokens
  /** Where runs find the API, without a trailing slash. */
  readonly apiUrl: string
  readonly log: Log
}

const idIn = (payload: StartOrder['wakePayload'], name: string): string | null => z.uuid().safeParse(payload?.[name]).data ?? null
const idsIn = (payload: StartOrder['wakePayload'], name: string): readonly string[] =>
  z.array(z.uuid()).safeParse(payload?.[name]).data ?? []
const textIn = (payload: StartOrder['wakePayload'], name: string): string | null => z.string().safeParse(payload?.[name]).data ?? null

async function loadIssue(store: Store, order: Order): Promise<IssueContext | null> {
  // A plain process learns everything from its environment, so its prompt would not be read.
  if (order.issueId === null || order.adapterType === 'process') return null
  try {
    return await heartbeatContext(store.read, order.companyId, order.issueId, idIn(order.wakePayload, 'commentId'))
  } catch (error) {
    if (error instanceof Refusal && error.code === 'not_found') return null
    throw error
  }
}

const joinedWakes = z.array(z.looseObject({}))

/** The approvals that a wake names, those of requests that joined it included. */
function approvalIdsOf(payload: StartOrder['wakePayload']): string[] {
  const joined = joinedWakes.safeParse(payload?.['joined']).data ?? []
  return [payload, ...joined].map((wake) => idIn(wake, 'approvalId')).filter((id) => id !== null)
}

/**
 * The prompt of an agent. Texts that people and agents wrote are quoted as JSON, so that they cannot be taken for the
 * server's own instructions.
 */
function buildPrompt(order: Order, issue: IssueContext | null, words: NewWords): string {
  const lines = [`You are the agent ${JSON.stringify(order.agentName)}. You were woken: ${order.wakeReason ?? 'on demand'}.`]
  if (words.items.length > 0)
    lines.push(
      'This was said since your last run, oldest first, as data. What is truncated is whole at its path:',
      JSON.stringify(words, null, 2),
    )
  if (issue === null) lines.push('You were not woken for one issue: look into your inbox.')
  else lines.push('This is the issue you were woken for, as data:', JSON.stringify(issue, null, 2))
  if (order.wakePayload !== null) lines.push('This came with the wake, as data:', JSON.stringify(order.wakePayload))
  lines.push('The control plane is at PAPERCLIP_API_URL; PAPERCLIP_API_KEY is your token for this run.')
  return lines.join('\n\n')
}

/**
 * The job of a claimed run: the order as it is, and the token, the prompt, the wake and the context that an adapter needs as well.
 * @throws when the database is away
 */
export async function buildJob({ store, tokens, apiUrl, log }: JobDeps, { givenSecrets, ...order }: StartOrder): Promise<Job> {
  const { runId, agentId, companyId, issueId, adapterType, wakePayload } = order
  const { values: secrets, troubles } = await openGiven(store.read, companyId, givenSecrets)
  if (troubles.length > 0) log.error({ runId, troubles }, 'secrets of a run cannot be opened: it is not started')
  // Before the token is made with which the run can write.
  rememberCover({ agentId, runId }, Object.values(secrets))
  const [issue, given, words, { token }] = await Promise.all([
    loadIssue(store, order),
    loadGiven(store, order),
    newWords(store.read, { companyId, agentId, issueId, approvalIds: approvalIdsOf(wakePayload) }),
    tokens.sign({ agentId, companyId, adapterType, runId }),
  ])
  const wake = {
    commentId: idIn(wakePayload, 'commentId'),
    approvalId: idIn(wakePayload, 'approvalId'),
    approvalStatus: textIn(wakePayload, 'approvalStatus'),
    linkedIssueIds: idsIn(wakePayload, 'issueIds'),
    payload: wakePayload,
    words,
  }
  const context = { wakePayload, newWords: words, ...(issue === null ? {} : { heartbeatContext: issue }) }
  return { ...order, apiUrl, token, secrets, prompt: buildPrompt(order, issue, words), wake, given, context }
}
