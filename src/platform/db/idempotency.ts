import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { refuse } from '../kernel/errors.ts'
import type { Refusal } from '../kernel/errors.ts'
import { runOn } from './driver/client.ts'
import type { Connection } from './driver/client.ts'
import { idempotencyKeys } from './tables.ts'
import { param, statement } from './statement.ts'
import type { Ctx, IdempotentRequest, ReadDb, StoredAnswer } from './types.ts'

/** How long a response is kept (I9). */
const RESPONSE_TTL = '24 hours'

/** Thrown by a mutation whose request was answered before. It is not an error: the stored response is sent again. */
export class IdempotentReplay {
  readonly response: StoredAnswer
  constructor(response: StoredAnswer) {
    this.response = response
  }
}

type Lookup = Pick<IdempotentRequest, 'actor' | 'route' | 'key'>

interface StoredResponse {
  requestHash: string
  status: number
  answer: Buffer
}

const selectResponse = statement<Lookup, StoredResponse>('idempotency_find').read(sql`
  select request_hash as "requestHash", status, answer from ${idempotencyKeys}
  where actor = ${param('actor')} and route = ${param('route')} and key = ${param('key')}
    and created_at > now() - ${sql.raw(`interval '${RESPONSE_TTL}'`)}`)

const tryReserveKey = statement<{ name: string }, { free: boolean }>('idempotency_claim').read(
  sql`select pg_try_advisory_xact_lock(hashtextextended(${param('name')}, 9)) as free`,
)

const insertResponse = statement<Lookup & StoredResponse, never>('idempotency_store').write(sql`
  insert into ${idempotencyKeys} (actor, route, key, request_hash, status, answer)
  values (${param('actor')}, ${param('route')}, ${param('key')}, ${param('requestHash')}, ${param('status')}, ${param('answer')})
  on conflict (actor, route, key) do update
    set request_hash = excluded.request_hash, status = excluded.status, answer = excluded.answer, created_at = now()`)

const encrypt = (key: Buffer, text: string): Buffer => {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), body])
}

const decrypt = (key: Buffer, encrypted: Buffer): string => {
  const decipher = createDecipheriv('aes-256-gcm', key, encrypted.subarray(0, 12))
  decipher.setAuthTag(encrypted.subarray(12, 28))
  return Buffer.concat([decipher.update(encrypted.subarray(28)), decipher.final()]).toString('utf8')
}

function decryptWithEither({ encryptionKey, previousEncryptionKey }: IdempotentRequest, encrypted: Buffer): string {
  try {
    return decrypt(encryptionKey, encrypted)
  } catch (error) {
    if (previousEncryptionKey === undefined || previousEncryptionKey === null) throw error
    return decrypt(previousEncryptionKey, encrypted)
  }
}

type Kept = Pick<StoredAnswer, 'headers' | 'body'> & Partial<StoredAnswer>

function replay(idempotency: IdempotentRequest, stored: StoredResponse): StoredAnswer {
  if (stored.requestHash !== idempotency.requestHash) return refuse('idempotency_mismatch')
  let decrypted: string
  try {
    decrypted = decryptWithEither(idempotency, stored.answer)
  } catch {
    // The response was encrypted with another secret. The change was made, but its response cannot be sent again.
    return refuse('conflict', { message: 'The answer to this Idempotency-Key was sealed under another secret' })
  }
  // Answers that were stored before these facts were have neither.
  const { madeWith = null, shownKeyId = null, ...answer } = JSON.parse(decrypted) as Kept
  return { status: stored.status, madeWith, shownKeyId, ...answer }
}

/**
 * The stored response of a request that was answered before; null when there is none.
 * @throws Refusal `idempotency_mismatch` when the key was used for a different request
 */
export async function findStoredResponse(db: ReadDb, idempotency: IdempotentRequest): Promise<StoredAnswer | null> {
  const [stored] = await db.run(selectResponse, idempotency)
  return stored === undefined ? null : replay(idempotency, stored)
}

/**
 * Reserves a key for this transaction with an advisory lock. The lock and the search are two statements, because the
 * search must begin after the lock was taken: the snapshot of a single statement could miss a response that committed in between.
 * @throws IdempotentReplay with the stored response; Refusal `idempotency_in_flight` while another request has the key
 */
export async function reserveKey(connection: Connection, idempotency: IdempotentRequest): Promise<void> {
  const [reservations, found] = await Promise.all([
    runOn(connection, tryReserveKey, { name: JSON.stringify([idempotency.actor, idempotency.route, idempotency.key]) }),
    runOn(connection, selectResponse, idempotency),
  ])
  if (found[0] !== undefined) throw new IdempotentReplay(replay(idempotency, found[0]))
  if (reservations[0]?.free !== true) {
    refuse('idempotency_in_flight', { retryAfter: 1, details: { retryable: true, next: 'wait' } })
  }
}

/**
 * The context of a mutation that records why a request is refused. Its answer is the refusal, which is stored under the key of the request, so that a repeat
 * is refused as well. Other refusals change nothing, and their repeat is a new attempt.
 */
export function storingRefusal(ctx: Ctx, refusal: Refusal): Ctx {
  const { idempotency } = ctx
  return idempotency === null ? ctx : { ...ctx, idempotency: { ...idempotency, render: () => idempotency.renderRefusal(refusal) } }
}

/** A response that is ready to be stored. */
export type EncryptedResponse = Lookup & StoredResponse

/** Renders the response of a request from the value of its mutation, and encrypts it. @throws what rendering throws */
export function encryptResponse(idempotency: IdempotentRequest, value: unknown): EncryptedResponse {
  const { status, headers, body } = idempotency.render(value)
  const { madeWith } = idempotency
  const shownKeyId = idempotency.shownKeyIdOf(value)
  return {
    actor: idempotency.actor,
    route: idempotency.route,
    key: idempotency.key,
    requestHash: idempotency.requestHash,
    status,
    answer: encrypt(idempotency.encryptionKey, JSON.stringify({ headers, body, madeWith, shownKeyId })),
  }
}

/** Stores the response in the transaction that makes the change: after a crash both exist or neither. */
export async function storeResponse(connection: Connection, response: EncryptedResponse): Promise<void> {
  await runOn(connection, insertResponse, response)
}

/** Deletes a batch of expired responses and returns one row for each. It works in batches so that no row lock lasts long. */
export const deleteExpiredResponses = statement<object, { gone: true }>('idempotency_forget').unaudited(sql`
  delete from ${idempotencyKeys} where ctid = any(array(
    select ctid from ${idempotencyKeys} where created_at < now() - ${sql.raw(`interval '${RESPONSE_TTL}'`)} limit 1000 for update skip locked))
  returning true as gone`)
