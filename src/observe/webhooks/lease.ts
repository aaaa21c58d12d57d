// Which server serves an endpoint: the one that has its lease. The epoch is the fence: a server that was stopped for longer than its lease writes
// nothing any more, and it asks for its epoch before each request. A lost write of this file costs a repeated message, never a skipped one: the cursor then
// stands where it stood. So these writes have no audit row, and they decide nothing that one would record.

import { sql } from 'drizzle-orm'
import { isCompanyDeleted } from '../../model/deletions.ts'
import { webhookDeliveries, webhookEndpoints } from '../../model/webhooks.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Store } from '../../platform/db/types.ts'
import { writeUnaudited } from '../../platform/db/unaudited.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import type { Position } from '../events/index.ts'
import { cursorColumns, cursorParams, positionIn } from './queries.ts'
import type { CursorColumns } from './queries.ts'
import { GIVE_UP_AFTER_S } from './schedule.ts'

/** A server that dies is replaced after so long. It is twice the longest request. */
const LEASE_S = 30
/** A lease is renewed three times before it ends. */
export const RENEW_INTERVAL_MS = 10_000
/** Endpoints that a server takes in one look, so that servers that start together share them. */
export const MAX_CLAIMED = 50

const leaseEnd = sql`clock_timestamp() + make_interval(secs => ${sql.raw(String(LEASE_S))})`

/** An endpoint that this server may serve under an epoch. */
export interface Claim {
  readonly id: string
  readonly companyId: string
  readonly epoch: number
  readonly events: readonly string[]
  readonly position: Position
  /** Failed attempts in a row at the event behind the position. */
  readonly failures: number
}

type ClaimRow = Omit<Claim, 'position'> & CursorColumns

const dueRows = sql`
  select w.id from ${webhookEndpoints} w where w.status = 'active' and w.leased_until <= clock_timestamp() and w.next_attempt_at <= clock_timestamp()
    and not ${isCompanyDeleted(sql`w.company_id`)} order by w.leased_until limit ${sql.raw(String(MAX_CLAIMED))}`
// Read first, because a statement that finds nothing to do must not take a connection that writes.
const selectDue = statement<object, { id: string }>('webhook_due').read(dueRows)

/** SQL: whether an endpoint may have something to do and no server. */
export const webhooksDue = sql`exists (${dueRows})`

const claimDue = statement<{ ids: readonly string[] }, ClaimRow>('webhook_claim').unaudited(sql`
  update ${webhookEndpoints} set lease_epoch = lease_epoch + 1, leased_until = ${leaseEnd}
  from (select w.id as due_id from ${webhookEndpoints} w where w.id = any(${param('ids', 'uuid[]')}) and w.status = 'active'
    and w.leased_until <= clock_timestamp() and w.next_attempt_at <= clock_timestamp() order by w.id for no key update skip locked) due
  where id = due_id
  returning id, company_id as "companyId", lease_epoch as epoch, events, consecutive_failures as failures, ${cursorColumns}`)

/** Takes endpoints that have something to do and are served by no server: one cheap read when there are none. */
export async function claimEndpoints(store: Store): Promise<Claim[]> {
  const due = await store.read.run(selectDue, {})
  if (due.length === 0) return []
  const rows = await writeUnaudited(store, claimDue, { ids: due.map(({ id }) => id) })
  return rows.map(({ cursorTxid, cursorSource, cursorNumber, ...claim }) => ({
    ...claim,
    position: positionIn({ cursorTxid, cursorSource, cursorNumber }),
  }))
}

/** An endpoint that this server serves, and how far it has come. */
export interface Progress {
  readonly id: string
  readonly epoch: number
  readonly position: Position
}

interface ProgressParams {
  ids: string[]
  epochs: number[]
  txids: string[]
  sources: number[]
  numbers: number[]
}

const progressParams = (all: readonly Progress[]): ProgressParams => ({
  ids: all.map(({ id }) => id),
  epochs: all.map(({ epoch }) => epoch),
  txids: all.map(({ position }) => String(position.txid)),
  sources: all.map(({ position }) => position.source),
  numbers: all.map(({ position }) => position.number),
})

// A row that is locked at this moment keeps its lease until the next time.
const held = sql`(select h.* from ${webhookEndpoints} w join (
    select unnest(${param('ids', 'uuid[]')}) as id, unnest(${param('epochs', 'bigint[]')}) as epoch, unnest(${param('txids', 'text[]')}) as txid,
      unnest(${param('sources', 'int[]')}) as source, unnest(${param('numbers', 'bigint[]')}) as number) h
    on h.id = w.id and h.epoch = w.lease_epoch where w.status = 'active' order by w.id for no key update of w skip locked) h`

// Forward only: an attempt may have moved the cursor since these positions were read.
const setCursor = sql`(cursor_txid, cursor_source, cursor_number) = (select txid, source, number from (values
  (w.cursor_txid, w.cursor_source::int, w.cursor_number), (h.txid::xid8, h.source, h.number)) v (txid, source, number)
  order by txid desc, source desc, number desc limit 1)`

const renew = statement<ProgressParams, { id: string }>('webhook_renew').unaudited(sql`
  update ${webhookEndpoints} w set leased_until = ${leaseEnd}, ${setCursor} from ${held} where w.id = h.id returning w.id`)

const release = statement<ProgressParams, { id: string }>('webhook_release').unaudited(sql`
  update ${webhookEndpoints} w set leased_until = clock_timestamp(), ${setCursor} from ${held} where w.id = h.id returning w.id`)

const selectHeld = statement<{ ids: readonly string[] }, { id: string; epoch: number }>('webhook_held').read(sql`
  select id, lease_epoch as epoch from ${webhookEndpoints} w where id = any(${param('ids', 'uuid[]')}) and status = 'active'
    and not ${isCompanyDeleted(sql`w.company_id`)}`)

/**
 * Renews the leases of this server and stores how far its endpoints have come.
 * @returns the endpoints that it may go on serving
 */
export async function renewLeases(store: Store, all: readonly Progress[]): Promise<ReadonlySet<string>> {
  if (all.length === 0) return new Set()
  await writeUnaudited(store, renew, progressParams(all))
  const epochs = new Map(all.map(({ id, epoch }) => [id, epoch]))
  const rows = await store.read.run(selectHeld, { ids: all.map(({ id }) => id) })
  return new Set(rows.filter(({ id, epoch }) => epochs.get(id) === epoch).map(({ id }) => id))
}

/** Gives endpoints back, so that another server takes them at once. */
export async function releaseLeases(store: Store, all: readonly Progress[]): Promise<void> {
  if (all.length > 0) await writeUnaudited(store, release, progressParams(all))
}

/** One attempt, as its row has it. */
export interface AttemptRow {
  readonly id: string
  readonly companyId: string
  readonly epoch: number
  readonly messageId: string
  readonly event: string
  readonly eventCursor: string
  readonly attempt: number
  readonly status: number | null
  readonly errorCode: string | null
  readonly error: string | null
  readonly durationMs: number
  readonly answer: string | null
}

const insertAttempt = sql`insert into ${webhookDeliveries}
    (company_id, webhook_id, message_id, event, cursor, attempt, status, error_code, error, duration_ms, answer)
  select w.company_id, w.id, ${param('messageId', 'text')}, ${param('event', 'text')}, ${param('eventCursor', 'text')}, ${param('attempt', 'int')},
    ${param('status', 'int')}, ${param('errorCode', 'text')}, ${param('error', 'text')}, ${param('durationMs', 'int')}, ${param('answer', 'text')}
  from ${webhookEndpoints} w where w.id = ${param('id', 'uuid')} and w.company_id = ${param('companyId', 'uuid')}`

const isServed = sql`id = ${param('id', 'uuid')} and company_id = ${param('companyId', 'uuid')} and lease_epoch = ${param('epoch', 'bigint')} and status = 'active'`
const setCursorTo = sql`cursor_txid = ${param('cursorTxid', 'xid8')}, cursor_source = ${param('cursorSource', 'smallint')},
  cursor_number = ${param('cursorNumber', 'bigint')}`

type AttemptParams = AttemptRow & ReturnType<typeof cursorParams>

const recordSuccess = statement<AttemptParams, { isServed: boolean }>('webhook_delivered').unaudited(sql`
  with served as (update ${webhookEndpoints} set ${setCursorTo}, consecutive_failures = 0, failing_since = null, last_error = null,
      last_success_at = now(), leased_until = ${leaseEnd} where ${isServed} returning id),
    attempt as (${insertAttempt})
  select exists (select from served) as "isServed"`)

/**
 * Records an attempt that succeeded, and moves the cursor to its event.
 * @returns false when this server does not serve the endpoint any more: then the cursor is not moved
 */
export const recordDelivered = async (store: Store, attempt: AttemptRow, position: Position): Promise<boolean> =>
  exactlyOne(await writeUnaudited(store, recordSuccess, { ...attempt, ...cursorParams(position) })).isServed

const day = sql.raw(`interval '${GIVE_UP_AFTER_S} seconds'`)

const recordFailure = statement<AttemptParams & { waitS: number }, { isServed: boolean; isExhausted: boolean }>('webhook_not_delivered')
  .unaudited(sql`
  with served as (update ${webhookEndpoints} set ${setCursorTo}, consecutive_failures = consecutive_failures + 1,
      failing_since = coalesce(failing_since, now()), last_error = ${param('error', 'text')}, leased_until = now(),
      next_attempt_at = greatest(now() + interval '1 minute' * (coalesce(failing_since, now()) + ${day} <= now())::int,
        least(now() + make_interval(secs => ${param('waitS', 'float8')}), coalesce(failing_since, now()) + ${day}))
    where ${isServed} returning failing_since + ${day} <= now() as is_exhausted),
    attempt as (${insertAttempt})
  select exists (select from served) as "isServed", coalesce((select is_exhausted from served), false) as "isExhausted"`)

/**
 * Records an attempt that failed, and when the next one is. The lease ends with it, so any server makes the next one.
 * @param before the position before its event, up to which everything was delivered
 * @returns `isExhausted` when the day of attempts is over
 */
export const recordNotDelivered = async (
  store: Store,
  attempt: AttemptRow,
  { before, waitS }: { readonly before: Position; readonly waitS: number },
): Promise<{ isServed: boolean; isExhausted: boolean }> =>
  exactlyOne(await writeUnaudited(store, recordFailure, { ...attempt, ...cursorParams(before), waitS }))

/** As many attempts of an endpoint are kept, and fewer when they are old (`scheduler/retention.ts`). */
const KEPT_ATTEMPTS = sql.raw('10000')
/** Attempts between two calls of `trimAttempts`, which deletes as many. */
export const TRIM_EVERY = 100

const trim = statement<{ id: string }, { deleted: true }>('webhook_trim').unaudited(sql`
  delete from ${webhookDeliveries} where webhook_id = ${param('id', 'uuid')} and id <= (select n.id from ${webhookDeliveries} n
    where n.webhook_id = ${param('id', 'uuid')} order by n.id desc offset ${KEPT_ATTEMPTS} limit 1) returning true as deleted`)

/** Deletes the oldest attempts of an endpoint beyond those that are kept. */
export const trimAttempts = async (store: Store, id: string): Promise<void> => void (await writeUnaudited(store, trim, { id }))
