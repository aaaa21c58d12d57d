import { firstBytes, redactSecrets, requestOnce, toStorableText } from '../../adapters/index.ts'
import type { Outbound } from '../../adapters/index.ts'
import { redact } from '../../platform/kernel/redact.ts'
import type { DeliveryError } from './deliveryErrors.ts'
import type { Receiver } from './receiver.ts'
import { signedHeaders } from './signing.ts'
import type { Message } from './signing.ts'
import { policyFor } from './target.ts'

/** The longest a receiver may take, from the look-up of its name to what is read of its answer. */
const TIMEOUT_MS = 15_000
/** As much of an answer is read, and kept for the board. */
const ANSWER_BYTES = 1024

/** The outcome of one request to a receiver. */
export interface Sent {
  readonly status: number | null
  readonly errorCode: DeliveryError | null
  /** A sentence for the board. */
  readonly error: string | null
  readonly answer: string | null
  readonly retryAfter: string | null
  readonly durationMs: number
}

/** Where messages may go, and how long a receiver may take. */
export interface Sending {
  readonly outbound: Outbound
  /** Shorter than usual; for tests. */
  readonly timeoutMs?: number
}

const failed = (errorCode: DeliveryError, error: string): Omit<Sent, 'durationMs'> => ({
  status: null,
  errorCode,
  error,
  answer: null,
  retryAfter: null,
})

const errorOf: Readonly<Record<string, DeliveryError>> = {
  timeout: 'timeout',
  cancelled: 'cancelled',
  adapter_address_refused: 'address_refused',
}

const headersOf = (secrets: readonly string[], message: Message): Record<string, string> => ({
  'content-type': 'application/json',
  'user-agent': 'paperclip-server-webhooks',
  ...signedHeaders(secrets, message),
})

async function exchange(
  { outbound, timeoutMs = TIMEOUT_MS }: Sending,
  { url: text, secrets }: Receiver & { readonly secrets: readonly string[] },
  message: Message,
  signal: AbortSignal,
): Promise<Omit<Sent, 'durationMs'>> {
  const url = new URL(text)
  const { answer, cancel } = requestOnce({
    url,
    method: 'POST',
    headers: headersOf(secrets, message),
    body: message.body,
    timeoutMs,
    limitBytes: ANSWER_BYTES,
    policy: policyFor(outbound, url),
    resolve: outbound.resolve,
    takesBeginning: true,
  })
  signal.addEventListener('abort', cancel, { once: true })
  if (signal.aborted) cancel()
  const response = await answer.finally(() => signal.removeEventListener('abort', cancel))
  if ('errorCode' in response) return failed(errorOf[response.errorCode] ?? 'connection_failed', response.error)
  const { status, body, retryAfter } = response
  const shown = { status, retryAfter, answer: firstBytes(redact(redactSecrets(toStorableText(body), secrets)), ANSWER_BYTES) }
  return status >= 200 && status < 300
    ? { ...shown, errorCode: null, error: null }
    : { ...shown, errorCode: 'status', error: `${url.host} answered ${status}` }
}

/**
 * Sends one message: one request, to a permitted address, no redirect is followed. Only a status of 2xx is a success.
 * @param signal cancels it
 */
export async function sendMessage(sending: Sending, receiver: Receiver, message: Message, signal: AbortSignal): Promise<Sent> {
  const beganAt = performance.now()
  const { secrets } = receiver
  const sent =
    secrets === null
      ? failed('secret_unavailable', 'The signing secret cannot be opened: this server lacks the master key of secrets')
      : await exchange(sending, { ...receiver, secrets }, message, signal)
  return { ...sent, durationMs: Math.round(performance.now() - beganAt) }
}

export const isDelivered = ({ errorCode }: Sent): boolean => errorCode === null
