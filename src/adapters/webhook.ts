// One HTTP request that starts a run: `http` and `openclaw_gateway` differ in its body and in how they read the answer.
import { z } from 'zod'
import { emit, failed, notStarted } from './adapter.ts'
import type { FinishedOutcome, AdapterOutcome, Job, RunListener, StartedRun } from './adapter.ts'
import type { AddressPolicy } from './addresses.ts'
import { bindings, plainText, secretsOf } from './config.ts'
import type { ResolvedBindings } from './config.ts'
import { OUTPUT_LIMIT_BYTES, createOutput } from './output.ts'
import { request, resolveBySystem } from './httpRequest.ts'
import type { HttpResponse, Resolve } from './httpRequest.ts'
import { redactSecrets } from './text.ts'

/** The answer of an agent over HTTP is a report, not a transcript. */
const ANSWER_LIMIT_BYTES = 1024 * 1024

/** The settings that all requests to agents of this server share. */
export interface WebhookHost {
  readonly policy: AddressPolicy
  /** Looks host names up; by default the system's resolver. */
  readonly resolve?: Resolve | undefined
  readonly answerLimitBytes?: number | undefined
}

export const webUrl = plainText.refine(
  (text) => URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol),
  'must be an http:// or https:// URL',
)

/** Headers that frame or route a message: they belong to the connection, not to the configuration. */
const connectionHeaders = new Set(
  'accept-encoding connection content-length content-type expect host keep-alive te trailer transfer-encoding upgrade'.split(' '),
)

export const headerBindings = bindings(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}$/, 100).refine(
  (all) => Object.keys(all).every((name) => !connectionHeaders.has(name.toLowerCase()) || name.toLowerCase() === 'content-type'),
  'must not set headers of the connection itself',
)

export interface Webhook {
  readonly job: Job
  readonly listener: RunListener
  readonly host: WebhookHost
  readonly url: URL
  readonly method: 'POST' | 'PUT'
  readonly headers: ResolvedBindings
  readonly body: Readonly<Record<string, unknown>>
  readonly timeoutMs: number
  /** Reads an answer whose HTTP status is a success. */
  readonly read: (answer: HttpResponse) => AdapterOutcome
}

const headerText = z.string().regex(/^[\t\u0020-\u007e\u0080-\u00ff]*$/)

/** Sends one request to an agent; its answer is the outcome of the run. */
export function startWebhook(webhook: Webhook): StartedRun {
  const { job, listener, host, url } = webhook
  const { missing } = webhook.headers
  if (missing.length > 0) return notStarted(failed('adapter_secret_missing', `No value for ${missing.join(', ')}`))
  const values = Object.entries(webhook.headers.values)
  const invalidHeader = values.find(([, value]) => !headerText.safeParse(value).success)
  if (invalidHeader !== undefined) return notStarted(failed('adapter_config_invalid', `headers.${invalidHeader[0]}: not a header value`))
  const headers = Object.fromEntries(values.map(([name, value]) => [name.toLowerCase(), value]))
  // The query and the user name of a URL may be credentials, so events show only its origin and path.
  const requestLabel = `${webhook.method} ${url.origin}${url.pathname}`
  emit(listener, {
    kind: 'invoked',
    details: { request: requestLabel, headers: Object.keys(headers), timeoutSec: webhook.timeoutMs / 1000 },
  })
  const output = createOutput(listener, { limitBytes: OUTPUT_LIMIT_BYTES, secrets: secretsOf(job) })
  let reason: string | null = null
  const { answer, cancel } = request({
    url,
    method: webhook.method,
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(webhook.body),
    timeoutMs: webhook.timeoutMs,
    limitBytes: host.answerLimitBytes ?? ANSWER_LIMIT_BYTES,
    policy: host.policy,
    resolve: host.resolve ?? resolveBySystem,
  })
  const outcome = answer.then((response) => {
    const line = 'status' in response ? `${requestLabel}: ${response.status}\n` : `${requestLabel}: ${response.error}\n`
    // Not awaited: the answer is complete, and a listener that is stuck must not prevent the run from ending.
    output.write('system', line).catch(() => {})
    if ('errorCode' in response) return failedRequest(response.errorCode, reason ?? response.error)
    output.write('stdout', response.body).catch(() => {})
    const totals = output.totals()
    if (response.status < 200 || response.status > 299)
      return { ...failed('adapter_http_status', `${url.host} answered ${response.status}`), ...totals }
    return { ...readRedacted(webhook, response), ...totals }
  })
  return {
    outcome: outcome.catch((error: unknown) => failed('adapter_internal', `The answer could not be read: ${String(error)}`)),
    cancel(why) {
      reason ??= why
      cancel()
    },
  }
}

function readRedacted({ read, job, url }: Webhook, answer: HttpResponse): AdapterOutcome {
  // The page of a proxy, of a login or of a misspelled address is no agent's report, whatever its status.
  if (isWebPage(answer)) return failed('adapter_reported_failure', `${url.host} answered with a web page and not with a report`)
  return read({ ...answer, body: redactSecrets(answer.body, secretsOf(job)) })
}

const isWebPage = ({ mediaType, body }: HttpResponse): boolean =>
  mediaType === 'text/html' || mediaType === 'application/xhtml+xml' || /^\s*(<!doctype\s+html|<html[\s>])/i.test(body.slice(0, 1000))

function failedRequest(errorCode: NonNullable<FinishedOutcome['errorCode']>, error: string): FinishedOutcome {
  if (errorCode === 'cancelled') return failed(errorCode, error, { status: 'cancelled' })
  return failed(errorCode, error, errorCode === 'timeout' ? { status: 'timed_out' } : {})
}
