import { z } from 'zod'
import { billingTypes } from '../model/money.ts'
import { failed, pendingRun, succeeded } from './adapter.ts'
import type { Adapter, FinishedOutcome, AdapterOutcome, Job, Usage } from './adapter.ts'
import { resolveBindings, optional, requestTimeoutFields, requestTimeoutMs } from './config.ts'
import { amountAt, valueAt, countAt, parseObject, storableJson, textAt } from './json.ts'
import type { HttpResponse } from './httpRequest.ts'
import { firstBytes } from './text.ts'
import { sessionIdFrom } from './transcript.ts'
import { headerBindings, startWebhook, webUrl } from './webhook.ts'
import type { WebhookHost } from './webhook.ts'

export const httpConfig = z.object({
  url: webUrl.describe('Where the run is announced'),
  method: optional(z.enum(['POST', 'PUT', 'post', 'put']))
    .transform((method) => (method?.toUpperCase() === 'PUT' ? 'PUT' : 'POST'))
    .describe('The method of the request'),
  headers: optional(headerBindings).describe('Headers of the request, at most 100, except those of the connection itself'),
  payloadTemplate: optional(z.record(z.string(), z.unknown())).describe(
    'Further fields of the body; a field of the run with the same name replaces them',
  ),
  async: optional(z.boolean()).describe('The agent ends the run itself, through `finish`, whatever it answers'),
  sendToken: optional(z.boolean()).describe('Whether the body contains the token of the run; without it, when the URL is https'),
  ...requestTimeoutFields,
})

/** An agent behind a URL: one request starts the run. The answer ends the run, or announces that the agent will call `finish`. */
export const httpAdapter = (host: WebhookHost): Adapter<z.output<typeof httpConfig>> => ({
  schema: httpConfig,
  requirements: ({ url }) => ({ url: new URL(url) }),
  start(job, config, listener) {
    const url = new URL(config.url)
    const { token, ...facts } = bodyOf(job)
    const body = (config.sendToken ?? url.protocol === 'https:') ? { ...facts, token } : facts
    return startWebhook({
      job,
      listener,
      host,
      url,
      method: config.method,
      headers: resolveBindings(config.headers, 'headers', job),
      body: { ...config.payloadTemplate, ...body },
      timeoutMs: requestTimeoutMs(config),
      read: (answer) => withoutUnknownSession(outcomeOf(answer, config.async === true), sessionIdFrom(job.sessionIdBefore)),
    })
  },
})

/**
 * A run that resumed a session and failed without usage and without a result has not worked: its session is given up, whatever the
 * agent says about it, and the same wake runs once more without it. The same rule as for local agents.
 */
function withoutUnknownSession(outcome: AdapterOutcome, resumed: string | null): AdapterOutcome {
  if (outcome.pending || resumed === null || outcome.status !== 'failed' || outcome.result !== null || hasCost(outcome.usage))
    return outcome
  return { ...outcome, errorCode: 'adapter_session_unknown', sessionIdAfter: null }
}

const hasCost = (usage: Usage | null): boolean =>
  usage !== null && usage.inputTokens + usage.cachedInputTokens + usage.outputTokens + (usage.costUsd ?? 0) > 0

/** The fields of a run in the body of its request. The token is left out where it may not travel. */
export const bodyOf = (job: Job) => ({
  runId: job.runId,
  agentId: job.agentId,
  companyId: job.companyId,
  taskId: job.issueId,
  wakeReason: job.wakeReason,
  wakeCommentId: job.wake?.commentId ?? null,
  approvalId: job.wake?.approvalId ?? null,
  approvalStatus: job.wake?.approvalStatus ?? null,
  linkedIssueIds: job.wake?.linkedIssueIds ?? [],
  apiUrl: job.apiUrl,
  token: job.token,
  sessionId: job.sessionIdBefore,
  prompt: job.prompt,
  context: job.context ?? {},
})

const finalStatus = z.enum(['failed', 'cancelled', 'timed_out'])
/** Further words with which agents say that they failed. */
const failureWords: ReadonlySet<string> = new Set(['error', 'errored', 'failure', 'fail'])
const pendingStatus = z.enum(['queued', 'running', 'pending', 'accepted'])

function outcomeOf({ status, body }: HttpResponse, isAsync: boolean): AdapterOutcome {
  const report = parseObject(body)
  const reportedStatus = valueAt(report, 'status')
  if (isAsync || status === 202 || pendingStatus.safeParse(reportedStatus).success)
    return pendingRun(textAt(report, 'runId') ?? textAt(report, 'id'))
  const facts = { usage: usageOf(report), result: resultOf(report, body), sessionIdAfter: sessionIdFrom(textAt(report, 'sessionId')) }
  const failure = failureIn(report)
  return failure === null ? succeeded(facts) : reportedFailure(failure, report, facts)
}

/** The failure that a report states. Any other status has a meaning of the agent's own: the HTTP status is a success, and that decides. */
function failureIn(report: unknown): z.output<typeof finalStatus> | null {
  const status = textAt(report, 'status')?.toLowerCase() ?? ''
  const final = finalStatus.safeParse(status)
  if (final.success) return final.data
  const isFailure = failureWords.has(status) || valueAt(report, 'success') === false || valueAt(report, 'ok') === false
  return isFailure ? 'failed' : null
}

function reportedFailure(status: 'failed' | 'cancelled' | 'timed_out', report: unknown, facts: Partial<FinishedOutcome>): FinishedOutcome {
  const error =
    [textAt(report, 'error'), textAt(report, 'error', 'message'), textAt(report, 'message'), textAt(report, 'reason')].find(
      (text) => text !== null && text.trim() !== '',
    ) ?? `The agent reported the status ${status}`
  return failed('adapter_reported_failure', error, { ...facts, status })
}

function usageOf(report: unknown): Usage | null {
  const usage = valueAt(report, 'usage')
  if (typeof usage !== 'object' || usage === null) return null
  const provider = textAt(usage, 'provider')
  const billingType = billingTypes.find((known) => known === (textAt(usage, 'billingType') ?? textAt(usage, 'billing_type')))
  return {
    ...(provider === null ? {} : { provider }),
    ...(billingType === undefined ? {} : { billingType }),
    inputTokens: countAt(usage, 'inputTokens') || countAt(usage, 'input_tokens'),
    cachedInputTokens: countAt(usage, 'cachedInputTokens') || countAt(usage, 'cached_input_tokens'),
    outputTokens: countAt(usage, 'outputTokens') || countAt(usage, 'output_tokens'),
    costUsd: amountAt(usage, 'costUsd') ?? amountAt(usage, 'cost_usd'),
    model: textAt(usage, 'model'),
  }
}

/** A result is kept as long as its run; a larger one is only in the run's log. */
const MAX_RESULT_LENGTH = 64 * 1024

function resultOf(report: unknown, body: string): Record<string, unknown> | null {
  const result = valueAt(report, 'result')
  const summary = textAt(report, 'summary')
  if (body.length > MAX_RESULT_LENGTH || result === undefined || result === null)
    return summary === null ? null : { summary: firstBytes(summary, MAX_RESULT_LENGTH) }
  return storableJson(typeof result === 'object' && !Array.isArray(result) ? result : { result }) as Record<string, unknown>
}
