import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { refuse } from '../kernel/errors.ts'
import { runOn } from './client.ts'
import type { Connection } from './client.ts'
import { idempotencyKeys } from './schema/activity.ts'
import { param, statement } from './statement.ts'
import type { ReadDb } from './store.ts'

/** How long an answer is kept (I9). */
const KEEP_ANSWERS = '24 hours'

/** The answer of a request, as it went out. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A request that carries an Idempotency-Key. */
export interface IdempotencyClaim {
  /** Who asks: the key of one actor means nothing to another. */
  readonly actor: string
  /** Method and path. */
  readonly route: string
  readonly key: string
  /** SHA-256 over query and body. */
  readonly requestHash: string
  /** 32 bytes that seal stored answers; an answer may hold a token that is shown once. */
  readonly sealingKey: Buffer
  /** Makes the answer from the value of the mutation, inside its transaction. */
  readonly answer: (value: unknown) => Answer
}

/** Thrown out of a mutation whose request was answered before. */
export class AnsweredBefore {
  readonly answer: Answer
  constructor(answer: Answer) {
    this.answer = answer
  }
}

type Lookup = Pick<IdempotencyClaim, 'actor' | 'route' | 'key'>

interface Stored {
  requestHash: string
  status: number
  answer: Buffer
}

const findAnswer = statement<Lookup, Stored>('idempotency_find').read(sql`
  select request_hash as "requestHash", status, answer from ${idempotencyKeys}
  where actor = ${param('actor')} and route = ${param('route')} and key = ${param('key')}
    and created_at > now() - ${sql.raw(`interval '${KEEP_ANSWERS}'`)}`)

const tryClaim = statement<{ name: string }, { free: boolean }>('idempotency_claim').read(
  sql`select pg_try_advisory_xact_lock(hashtextextended(${param('name')}, 9)) as free`,
)

const insertAnswer = statement<Lookup & Stored, never>('idempotency_store').write(sql`
  insert into ${idempotencyKeys} (actor, route, key, request_hash, status, answer)
  values (${param('actor')}, ${param('route')}, ${param('key')}, ${param('requestHash')}, ${param('status')}, ${param('answer')})
  on conflict (actor, route, key) do update
    set request_hash = excluded.request_hash, status = excluded.status, answer = excluded.answer, created_at = now()`)

const seal = (key: Buffer, text: string): Buffer => {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), body])
}

const open = (key: Buffer, sealed: Buffer): string => {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12))
  decipher.setAuthTag(sealed.subarray(12, 28))
  return Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]).toString('utf8')
}

function replay(claim: IdempotencyClaim, stored: Stored): Answer {
  if (stored.requestHash !== claim.requestHash) return refuse('idempotency_mismatch')
  let opened: string
  try {
    opened = open(claim.sealingKey, stored.answer)
  } catch {
    // Sealed under another secret: the effect happened, but its answer cannot be shown again.
    return refuse('conflict', { message: 'The answer to this Idempotency-Key was sealed under another secret' })
  }
  return { status: stored.status, ...(JSON.parse(opened) as Pick<Answer, 'headers' | 'body'>) }
}

/**
 * The stored answer of a request that was answered before, or null.
 * @throws Refusal `idempotency_mismatch` when the key was used for a different request
 */
export async function answeredBefore(db: ReadDb, claim: IdempotencyClaim): Promise<Answer | null> {
  const [stored] = await db.run(findAnswer, claim)
  return stored === undefined ? null : replay(claim, stored)
}

/**
 * Claims a key for this transaction. Two statements, because the look must be taken after the lock is held: in one, its
 * snapshot could miss an answer that committed between the two.
 * @throws AnsweredBefore with the stored answer; Refusal `idempotency_in_flight` while another request works on it
 */
export async function claimKey(connection: Connection, claim: IdempotencyClaim): Promise<void> {
  const [claims, found] = await Promise.all([
    runOn(connection, tryClaim, { name: JSON.stringify([claim.actor, claim.route, claim.key]) }),
    runOn(connection, findAnswer, claim),
  ])
  if (found[0] !== undefined) throw new AnsweredBefore(replay(claim, found[0]))
  if (claims[0]?.free !== true) refuse('idempotency_in_flight', { retryAfter: 1 })
}

/** An answer that is ready to be kept. */
export type SealedAnswer = Lookup & Stored

/** Makes the answer of a request from the value of its mutation, and seals it. Fails when the value cannot be presented. */
export function sealAnswer(claim: IdempotencyClaim, value: unknown): SealedAnswer {
  const { status, headers, body } = claim.answer(value)
  return {
    actor: claim.actor,
    route: claim.route,
    key: claim.key,
    requestHash: claim.requestHash,
    status,
    answer: seal(claim.sealingKey, JSON.stringify({ headers, body })),
  }
}

/** Keeps the answer, in the transaction that has the effect: a crash keeps both or neither. */
export async function storeAnswer(connection: Connection, answer: SealedAnswer): Promise<void> {
  await runOn(connection, insertAnswer, answer)
}

/** Removes a batch of answers past their time; batches, so that no lock is long. One row for each that went. */
export const forgetOldAnswers = statement<object, { gone: true }>('idempotency_forget').telemetry(sql`
  delete from ${idempotencyKeys} where ctid = any(array(
    select ctid from ${idempotencyKeys} where created_at < now() - ${sql.raw(`interval '${KEEP_ANSWERS}'`)} limit 1000 for update skip locked))
  returning true as gone`)
