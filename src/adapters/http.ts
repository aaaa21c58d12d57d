import { z } from 'zod'
import { failed, pendingRun, succeeded } from './adapter.ts'
import type { Adapter, Ended, Exit, Job, Usage } from './adapter.ts'
import { bind, optional, timed } from './config.ts'
import { amountAt, at, countAt, objectIn, storableJson, textAt } from './json.ts'
import type { Answer } from './outbound.ts'
import { firstBytes } from './text.ts'
import { sessionIdFrom } from './transcript.ts'
import { headerBindings, startWebhook, webUrl } from './webhook.ts'
import type { WebhookHost } from './webhook.ts'

export const httpConfig = z.object({
  url: webUrl,
  method: optional(z.enum(['POST', 'PUT', 'post', 'put'])).transform((method) => (method?.toUpperCase() === 'PUT' ? 'PUT' : 'POST')),
  headers: optional(headerBindings),
  /** Fields beside those of the run, which win over them. */
  payloadTemplate: optional(z.record(z.string(), z.unknown())),
  /** Whatever the agent answers, it ends the run itself, through `finish`. */
  async: optional(z.boolean()),
  /** Whether the run's token is in the body. Unless said otherwise it is wherever nobody on the way can read it. */
  sendToken: optional(z.boolean()),
  ...timed,
})

/** An agent behind a URL: one request starts the run, and its answer ends it or says that `finish` will. */
export const httpAdapter = (host: WebhookHost): Adapter<z.output<typeof httpConfig>> => ({
  schema: httpConfig,
  needs: ({ url }) => ({ url: new URL(url) }),
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
      headers: bind(config.headers, 'headers', job),
      body: { ...config.payloadTemplate, ...body },
      timeoutSec: config.timeoutSec,
      read: (answer) => exitOf(answer, config.async === true),
    })
  },
})

const bodyOf = (job: Job) => ({
  runId: job.runId,
  agentId: job.agentId,
  companyId: job.companyId,
  taskId: job.issueId,
  wakeReason: job.wakeReason,
  apiUrl: job.apiUrl,
  token: job.token,
  sessionId: job.sessionIdBefore,
  prompt: job.prompt,
  context: job.context ?? {},
})

const ends = z.enum(['succeeded', 'failed', 'cancelled', 'timed_out'])
const goesOn = z.enum(['queued', 'running', 'pending', 'accepted'])

function exitOf({ status, body }: Answer, isAsync: boolean): Exit {
  const report = objectIn(body)
  const told = at(report, 'status')
  if (isAsync || status === 202 || goesOn.safeParse(told).success) return pendingRun(textAt(report, 'runId') ?? textAt(report, 'id'))
  const facts = { usage: usageOf(report), result: resultOf(report, body), sessionIdAfter: sessionIdFrom(textAt(report, 'sessionId')) }
  // Any other status is a word of the agent's own: it has answered with success, and that is what counts.
  const end = ends.safeParse(told)
  return !end.success || end.data === 'succeeded' ? succeeded(facts) : reported(end.data, report, facts)
}

function reported(status: 'failed' | 'cancelled' | 'timed_out', report: unknown, facts: Partial<Ended>): Ended {
  const error = textAt(report, 'error') ?? textAt(report, 'error', 'message') ?? `The agent reported the status ${status}`
  return failed('adapter_reported_failure', error, { ...facts, status })
}

function usageOf(report: unknown): Usage | null {
  const usage = at(report, 'usage')
  if (typeof usage !== 'object' || usage === null) return null
  return {
    inputTokens: countAt(usage, 'inputTokens') || countAt(usage, 'input_tokens'),
    cachedInputTokens: countAt(usage, 'cachedInputTokens') || countAt(usage, 'cached_input_tokens'),
    outputTokens: countAt(usage, 'outputTokens') || countAt(usage, 'output_tokens'),
    costUsd: amountAt(usage, 'costUsd') ?? amountAt(usage, 'cost_usd'),
    model: textAt(usage, 'model'),
  }
}

/** A result is kept with the run for ever; what is larger is in the run's log. */
const LARGEST_RESULT = 64 * 1024

function resultOf(report: unknown, body: string): Record<string, unknown> | null {
  const result = at(report, 'result')
  const summary = textAt(report, 'summary')
  if (body.length > LARGEST_RESULT || result === undefined || result === null)
    return summary === null ? null : { summary: firstBytes(summary, LARGEST_RESULT) }
  return storableJson(typeof result === 'object' && !Array.isArray(result) ? result : { result }) as Record<string, unknown>
}
