import { setTimeout as delay } from 'node:timers/promises'
import { actingRunIdOf } from '../kernel/actor.ts'
import { invariant, Refusal } from '../kernel/errors.ts'
import type { DomainEvent } from '../kernel/event.ts'
import { drizzleOn, runOn } from './driver/client.ts'
import type { Connection, Drizzle } from './driver/client.ts'
import { findCommitted } from './inDoubt.ts'
import { codeOf, isConnectionFailure, isSerializationFailure } from './databaseErrors.ts'
import { reserveKey, encryptResponse, storeResponse } from './idempotency.ts'
import type { EncryptedResponse } from './idempotency.ts'
import { createLockState } from './locks.ts'
import { draftAuditRows, insertAuditRows } from './record.ts'
import type { DraftRow } from './record.ts'
import { txBrand } from './types.ts'
import type { ActivityRow, Ctx, Tx } from './types.ts'
import type { StatementKind, Statement } from './statement.ts'
import { inDoubtBackend, transaction } from './transaction.ts'

/** What a mutation leaves: a value for the caller, and what happened. */
export interface Outcome<T> {
  /** A promise where the last write's answer is not needed before the commit: they then travel together. */
  readonly value: T | Promise<T>
  readonly events: readonly DomainEvent[]
}

/** Something happened; at least one event is required by type. */
export const changed = <T>(value: T | Promise<T>, ...events: readonly [DomainEvent, ...DomainEvent[]]): Outcome<T> => ({
  value,
  events,
})

/** Nothing happened: a repeated request found its work done. */
export const unchanged = <T>(value: T): Outcome<T> => ({ value, events: [] })

/** For verbs that find out on the way whether anything happened. */
export const changedIfAny = <T>(value: T | Promise<T>, events: readonly DomainEvent[]): Outcome<T> => ({ value, events })

/**
 * Lets a write travel while the body goes on. Should it fail, so does every statement behind it, and the failure that
 * the body meets first is the one that is told.
 */
export function pipelined<T>(written: Promise<T>): Promise<T> {
  written.catch(() => {})
  return written
}

/** Whole-transaction tries; two locks in one order cannot deadlock, so even one retry is rare. */
const ATTEMPTS = 4
const BACKOFF_MS = 15

interface OpenTx {
  readonly tx: Tx
  readonly wrote: () => boolean
  /** The body is over: what a stray branch of it still asks for is refused, whoever has the connection by then. */
  readonly close: () => void
  /** What failed first; once it has, Postgres only says that the transaction is aborted. */
  readonly firstFailure: () => unknown
}

const ABORTED = '25P02'

function openTx(connection: Connection): OpenTx {
  const drizzle = drizzleOn(connection)
  let wrote = false
  let open = true
  let failure: unknown
  const assertOpen = (): void => invariant(open, 'a statement after the end of its transaction')
  const markWritten = (): void => {
    assertOpen()
    wrote = true
  }
  const tx: Tx = {
    [txBrand]: true,
    select: ((...fields: Parameters<Drizzle['select']>) => (assertOpen(), drizzle.select(...fields))) as Drizzle['select'],
    insert: (table) => (markWritten(), drizzle.insert(table)),
    update: (table) => (markWritten(), drizzle.update(table)),
    delete: (table) => (markWritten(), drizzle.delete(table)),
    run: async <P, R>(statement: Statement<P, R, StatementKind>, params: P) => {
      if (statement.kind === 'write') markWritten()
      else assertOpen()
      const rows = runOn(connection, statement, params)
      rows.catch((error: unknown) => (failure ??= error))
      return rows
    },
    locks: createLockState(),
    actingRunVerified: false,
  }
  return { tx, wrote: () => wrote, close: () => void (open = false), firstFailure: () => failure }
}

/** True for failures that left nothing behind and may pass on a second try. */
const isRetryable = (error: unknown): boolean =>
  !(error instanceof Refusal) && inDoubtBackend(error) === null && isSerializationFailure(error)

/**
 * The only way to write: rows and the record of why they changed commit together or not at all (I6).
 *
 * The body locks what it decides on, decides, writes, and returns what happened. It does no I/O but SQL. A deadlock or
 * serialization failure runs the whole body again, three times at most, then answers 503.
 *
 * @param ctx who acts, in which company, under which request
 * @param body locks, decides, writes; returns `changed(value, ...events)` or `unchanged(value)`
 * @returns the value, after the commit
 * @throws Refusal when the body refuses: then nothing was changed and nothing recorded
 */
export async function mutate<T>(ctx: Ctx, body: (tx: Tx) => Promise<Outcome<T>>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { value, rows } = await attemptOnce(ctx, body)
      if (rows.length > 0) ctx.store.publish(rows)
      return value
    } catch (error) {
      if (!isRetryable(error) || attempt === ATTEMPTS) {
        throw isConnectionFailure(error) && !(error instanceof Refusal) ? new Refusal('unavailable', { retryAfter: 1 }) : error
      }
      await delay(BACKOFF_MS * attempt * Math.random())
    }
  }
}

interface BodyResult<T> {
  readonly value: T | Promise<T>
  readonly drafts: readonly DraftRow[]
  readonly response: EncryptedResponse | null
}

interface Committed<T> {
  readonly value: T
  readonly rows: readonly ActivityRow[]
}

async function attemptOnce<T>(ctx: Ctx, body: (tx: Tx) => Promise<Outcome<T>>): Promise<Committed<T>> {
  let written: BodyResult<T> | undefined
  let firstFailure: () => unknown = () => undefined
  try {
    return await transaction(
      ctx.store.transactionPool,
      async (connection) => {
        const openedTx = openTx(connection)
        firstFailure = openedTx.firstFailure
        written = await runBody(ctx, connection, openedTx, body)
        return written
      },
      async (connection, { value, drafts, response }) => {
        const storing = response === null ? null : storeResponse(connection, response)
        const [resolvedValue, rows] = await Promise.all([value, insertAuditRows(connection, drafts), storing])
        return { value: resolvedValue, rows }
      },
    )
  } catch (error) {
    const backendPid = inDoubtBackend(error)
    if (backendPid !== null && written !== undefined) return await resolveInDoubt(ctx, backendPid, written)
    throw codeOf(error) === ABORTED ? (firstFailure() ?? error) : error
  }
}

/** Everything that can fail in this process happens here, before COMMIT is on its way. */
async function runBody<T>(
  ctx: Ctx,
  connection: Connection,
  openedTx: OpenTx,
  body: (tx: Tx) => Promise<Outcome<T>>,
): Promise<BodyResult<T>> {
  const { tx, wrote } = openedTx
  try {
    if (ctx.idempotency !== null) await reserveKey(connection, ctx.idempotency)
    const { value, events } = await body(tx)
    invariant(!wrote() || events.length > 0, 'a mutation that writes must say what happened')
    invariant(
      events.length === 0 || actingRunIdOf(ctx.actor) === null || tx.actingRunVerified,
      'a mutation that names a run must have judged it',
    )
    // Awaited by `last`, which does not run when BEGIN turns out to have failed.
    if (value instanceof Promise) value.catch(() => {})
    // The answer to keep must be whole before it is kept.
    const response = ctx.idempotency === null ? null : encryptResponse(ctx.idempotency, await value)
    return { value, drafts: draftAuditRows(ctx, events), response }
  } finally {
    openedTx.close()
  }
}

/** The connection was lost while it committed: the audit rows, which commit with the change, tell whether it is there. */
async function resolveInDoubt<T>(ctx: Ctx, backendPid: number, { value, drafts }: BodyResult<T>): Promise<Committed<T>> {
  const found = await findCommitted(ctx.store.transactionPool, backendPid, drafts)
  if (found === 'not committed') throw new Refusal('unavailable', { retryAfter: 1 })
  const resolved =
    found === 'unknown'
      ? null
      : await Promise.resolve(value).then(
          (resolvedValue) => ({ known: resolvedValue }),
          () => null,
        )
  if (found !== 'unknown' && resolved !== null) return { value: resolved.known, rows: found }
  throw new Refusal('unavailable', {
    message: 'The database was lost while it committed: look whether the change is there, or repeat with the same Idempotency-Key',
    retryAfter: 1,
  })
}
