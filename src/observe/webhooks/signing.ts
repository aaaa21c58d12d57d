// Signatures of Standard Webhooks (https://www.standardwebhooks.com), by hand: three lines of node:crypto.

import { createHash, createHmac, randomBytes } from 'node:crypto'
import { sources } from '../events/index.ts'
import type { Position } from '../events/index.ts'

const PREFIX = 'whsec_'
/** The key of the HMAC: as long as its output. */
const SECRET_BYTES = 32

/** A new signing secret, as it is shown to the board once. */
export const createSecret = (): string => PREFIX + randomBytes(SECRET_BYTES).toString('base64')

/** A message to a receiver. */
export interface Message {
  /** `webhook-id`: the same for each attempt, so that a receiver handles an event once. */
  readonly id: string
  /** Seconds since 1970. */
  readonly timestamp: number
  readonly body: string
}

const signatureOf = (secret: string, { id, timestamp, body }: Message): string => {
  const key = Buffer.from(secret.slice(PREFIX.length), 'base64')
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`
}

/** The headers that prove a message. @param secrets every secret that signs now: two while one is replaced */
export const signedHeaders = (secrets: readonly string[], message: Message): Record<string, string> => ({
  'webhook-id': message.id,
  'webhook-timestamp': String(message.timestamp),
  'webhook-signature': secrets.map((secret) => signatureOf(secret, message)).join(' '),
})

/** The id of the message about an event: made from the endpoint and the event, so every server and every attempt has the same. */
export function messageIdOf(webhookId: string, { source, number }: Position): string {
  const kind = source === sources.activity ? 'activity' : 'run_event'
  return `msg_${createHash('sha256').update(`${webhookId} ${kind} ${number}`).digest('hex').slice(0, 32)}`
}

/** The purpose for which a secret of an endpoint is sealed. */
export const sealPurpose = (webhookId: string, version: number): string => `webhook:${webhookId}:${version}`
