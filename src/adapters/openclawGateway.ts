import { z } from 'zod'
import { failed, succeeded } from './adapter.ts'
import type { Adapter, AdapterOutcome, Job } from './adapter.ts'
import { resolveBindings, binding, flagValue, optional, plainText, requestTimeoutFields, requestTimeoutMs } from './config.ts'
import { valueAt, countAt, parseObject, textAt } from './json.ts'
import type { HttpResponse } from './httpRequest.ts'
import { firstBytes } from './text.ts'
import { wakeVariables } from './wakeVariables.ts'
import { headerBindings, startWebhook } from './webhook.ts'
import type { WebhookHost } from './webhook.ts'

const schemes: Readonly<Record<string, string>> = { 'ws:': 'http:', 'wss:': 'https:', 'http:': 'http:', 'https:': 'https:' }

// Stored configurations contain the URL of the gateway's WebSocket; the gateway serves HTTP on the same port.
const gatewayUrl = plainText
  .refine((text) => URL.canParse(text) && new URL(text).protocol in schemes, 'must be an http(s):// or ws(s):// URL')
  .transform((text) => {
    const url = new URL(text)
    return new URL('/v1/responses', `${schemes[url.protocol]}//${url.host}`)
  })

export const openclawConfig = z.object({
  url: gatewayUrl.describe('Where the gateway listens; the path is ignored, and `ws:` is read as `http:`'),
  authToken: optional(binding).describe('The bearer of the request'),
  headers: optional(headerBindings).describe('Headers of the request, at most 100, except those of the connection itself'),
  agentId: optional(flagValue).describe("The gateway's own name of the agent; without it `main`"),
  sessionKeyStrategy: optional(z.enum(['issue', 'fixed', 'run'])).describe(
    'The runs that share a session of the gateway: those of an issue (so without it), all of the agent (`fixed`), or none (`run`)',
  ),
  sessionKey: optional(plainText.max(200)).describe('The name of the session under `fixed`'),
  ...requestTimeoutFields,
})
type OpenclawConfig = z.output<typeof openclawConfig>

/** An OpenClaw gateway, over its OpenResponses endpoint: the agent works while the request is open. */
export const openclawAdapter = (host: WebhookHost): Adapter<OpenclawConfig> => ({
  schema: openclawConfig,
  requirements: ({ url }) => ({ url }),
  start(job, config, listener) {
    const { authToken, agentId } = config
    const token = resolveBindings(authToken === undefined ? undefined : { authToken }, '', job)
    const { values, missing } = resolveBindings(config.headers, 'headers', job)
    const extraHeaders = {
      ...(token.values['authToken'] === undefined ? {} : { authorization: `Bearer ${token.values['authToken']}` }),
      ...(agentId === undefined ? {} : { 'x-openclaw-agent-id': agentId }),
    }
    return startWebhook({
      job,
      listener,
      host,
      url: config.url,
      method: 'POST',
      headers: { values: { ...values, ...extraHeaders }, missing: [...token.missing, ...missing] },
      body: { model: `openclaw:${agentId ?? 'main'}`, user: sessionOf(job, config), input: inputOf(job), stream: false },
      timeoutMs: requestTimeoutMs(config),
      read: outcomeOf,
    })
  },
})

function sessionOf(job: Job, { sessionKeyStrategy, sessionKey }: OpenclawConfig): string {
  if (sessionKeyStrategy === 'run') return `paperclip:run:${job.runId}`
  if (sessionKeyStrategy === 'fixed') return sessionKey ?? `paperclip:agent:${job.agentId}`
  return job.issueId === null ? `paperclip:agent:${job.agentId}` : `paperclip:agent:${job.agentId}:issue:${job.issueId}`
}

/** The prompt, and what a local command would find in its environment, without the token: gateways store their input. */
function inputOf(job: Job): string {
  const facts = {
    PAPERCLIP_API_URL: job.apiUrl,
    PAPERCLIP_RUN_ID: job.runId,
    PAPERCLIP_AGENT_ID: job.agentId,
    PAPERCLIP_COMPANY_ID: job.companyId,
    ...wakeVariables(job),
  }
  const lines = Object.entries(facts).flatMap(([name, value]) => (value === null ? [] : [`${name}=${value}`]))
  return `${job.prompt}\n\n${lines.join('\n')}`
}

const failedStatuses: ReadonlySet<string> = new Set(['failed', 'cancelled', 'incomplete', 'error'])

/** The part of an answer that a run keeps in addition to its log. */
const SUMMARY_BYTES = 16 * 1024

function outcomeOf({ body }: HttpResponse): AdapterOutcome {
  const report = parseObject(body)
  if (report === null) return failed('adapter_reported_failure', 'The answer of the gateway is not a response object')
  const outputText = textIn(valueAt(report, 'output'))
  const cachedInputTokens = countAt(report, 'usage', 'input_tokens_details', 'cached_tokens')
  const usage = {
    // The input of a response object contains what was read from the cache.
    inputTokens: Math.max(0, countAt(report, 'usage', 'input_tokens') - cachedInputTokens),
    cachedInputTokens,
    outputTokens: countAt(report, 'usage', 'output_tokens'),
    costUsd: null,
    model: textAt(report, 'model'),
  }
  const facts = {
    usage,
    result: outputText === '' ? null : { summary: firstBytes(outputText, SUMMARY_BYTES), responseId: textAt(report, 'id') },
  }
  const status = textAt(report, 'status')
  const error = textAt(report, 'error', 'message') ?? textAt(report, 'error')
  if (error === null && !failedStatuses.has(status ?? '')) return succeeded(facts)
  return failed('adapter_reported_failure', error ?? `The gateway reported the status ${status}`, facts)
}

const items = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

const textIn = (output: unknown): string =>
  items(output)
    .flatMap((item) => items(valueAt(item, 'content')))
    .map((part) => (textAt(part, 'type') === 'output_text' ? (textAt(part, 'text') ?? '') : ''))
    .join('')
