import { setTimeout as delay } from 'node:timers/promises'
import { actingRunIdOf } from '../kernel/actor.ts'
import { invariant, Refusal, refuse } from '../kernel/errors.ts'
import type { DomainEvent } from '../kernel/event.ts'
import { drizzleOn, runOn } from './driver/client.ts'
import type { Connection } from './driver/client.ts'
import { findCommitted } from './inDoubt.ts'
import { codeOf, isConnectionFailure, isSerializationFailure, refusalOf } from './databaseErrors.ts'
import { reserveKey, encryptResponse, storeResponse } from './idempotency.ts'
import type { EncryptedResponse } from './idempotency.ts'
import { createLockState } from './locks.ts'
import { draftAuditRows, insertAuditRows } from './record.ts'
import type { DraftRow } from './record.ts'
import { txBrand } from './types.ts'
import type { ActivityRow, Ctx, Tx } from './types.ts'
import type { StatementKind, Statement } from './statement.ts'
import { inDoubtCommit, transaction } from './transaction.ts'
import type { InDoubtCommit } from './transaction.ts'

/** The result of a mutation: a value for the caller, and the events that happened. */
export interface Outcome<T> {
  /**
   * A promise where the answer to the last write is not needed before the commit. Both are then sent together. It refuses nothing: the
   * change is committed by then.
   */
  readonly value: T | Promise<T>
  readonly events: readonly DomainEvent[]
}

/**
 * The outcome of a mutation that learns only while it runs whether it changes anything. A value that is still in progress is awaited with
 * the final statements. They do not run when the connection was lost before, and then its failure is not the one that the caller gets.
 */
export function changedIfAny<T>(value: T | Promise<T>, events: readonly DomainEvent[]): Outcome<T> {
  if (value instanceof Promise) value.catch(() => {})
  return { value, events }
}

/** The outcome of a mutation that changed something. The type requires at least one event. */
export const changed = <T>(value: T | Promise<T>, ...events: readonly [DomainEvent, ...DomainEvent[]]): Outcome<T> =>
  changedIfAny(value, events)

/** The outcome of a mutation that changed nothing, for example because a repeated request found its work done. */
export const unchanged = <T>(value: T): Outcome<T> => ({ value, events: [] })

/**
 * Lets the body continue while a write is in progress. When the write fails, every statement behind it fails too, and the
 * caller gets the first failure.
 */
export function pipelined<T>(written: Promise<T>): Promise<T> {
  written.catch(() => {})
  return written
}

/** Sends a write whose answer no caller needs. When it fails, so does everything behind it, as with `pipelined`. */
export function unawaited(written: Promise<unknown>): void {
  written.catch(() => {})
}

/** Attempts to run the whole transaction. Locks that are taken in one order cannot deadlock, so even one retry is rare. */
const ATTEMPTS = 4
const BACKOFF_MS = 15

interface OpenTx {
  readonly tx: Tx
  readonly wrote: () => boolean
  /** Ends the body. A statement that an escaped branch of it sends later is refused: the connection may have another user. */
  readonly close: () => void
  /** The first failure. After it Postgres only reports that the transaction is aborted. */
  readonly firstFailure: () => unknown
}

const ABORTED = '25P02'

const LATE = 'a statement after the end of its transaction'

/** Rejects, as a statement does: a caller that sends several at once awaits all of them. */
async function lateStatement(): Promise<never> {
  invariant(false, LATE)
}

function openTx(connection: Connection): OpenTx {
  const drizzle = drizzleOn(connection)
  let wrote = false
  let open = true
  let failure: unknown
  const assertOpen = (): void => invariant(open, LATE)
  const markWritten = (): void => {
    assertOpen()
    wrote = true
  }
  const noteFailure = (error: unknown): void => void (failure ??= error)
  const tx: Tx = {
    [txBrand]: true,
    insert: (table) => (markWritten(), drizzle.insert(table)),
    update: (table) => (markWritten(), drizzle.update(table)),
    delete: (table) => (markWritten(), drizzle.delete(table)),
    // Not an async function: it would make two promises more for each statement.
    run: <P, R>(statement: Statement<P, R, StatementKind>, params: P) => {
      if (!open) return lateStatement()
      if (statement.kind === 'write') markWritten()
      const rows = runOn(connection, statement, params)
      rows.catch(noteFailure)
      return rows
    },
    locks: createLockState(),
    actingRunVerified: false,
    finalChecks: new Map(),
  }
  return { tx, wrote: () => wrote, close: () => void (open = false), firstFailure: () => failure }
}

/** Whether a failure left nothing behind and may not occur on a second attempt. */
const isRetryable = (error: unknown): boolean =>
  !(error instanceof Refusal) && inDoubtCommit(error) === null && isSerializationFailure(error)

/**
 * The only way to write: rows and the audit rows that record their change commit together or not at all (I6).
 *
 * The body locks the rows that it decides on, decides, writes, and returns what happened. SQL is its only I/O. After a deadlock or a
 * serialization failure the whole body runs again, three times at most; then the answer is 503.
 *
 * @param ctx the actor, the company and the request
 * @param body locks, decides, writes; returns `changed(value, ...events)` or `unchanged(value)`
 * @returns the value, after the commit
 * @throws Refusal when the body refuses: then nothing was changed and nothing recorded
 */
export async function mutate<T>(ctx: Ctx, body: (tx: Tx) => Promise<Outcome<T>>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { value, rows } = await ctx.store.transactionLane.run(() => attemptOnce(ctx, body))
      if (rows.length > 0) ctx.store.publish(rows)
      return value
    } catch (error) {
      if (!isRetryable(error) || attempt === ATTEMPTS) {
        throw isConnectionFailure(error) && !(error instanceof Refusal) ? (refusalOf(error) ?? error) : error
      }
      ctx.store.counts.transactionRetries += 1
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
    const commit = inDoubtCommit(error)
    if (commit !== null && written !== undefined) return await resolveInDoubt(ctx, commit, written)
    throw codeOf(error) === ABORTED ? (firstFailure() ?? error) : error
  }
}

/** Does everything that can fail in this process, before COMMIT is sent. */
async function runBody<T>(
  ctx: Ctx,
  connection: Connection,
  openedTx: OpenTx,
  body: (tx: Tx) => Promise<Outcome<T>>,
): Promise<BodyResult<T>> {
  const { tx, wrote } = openedTx
  try {
    if (ctx.idempotency !== null) await reserveKey(connection, ctx.idempotency)
    const { value, events: bodyEvents } = await admitted(ctx, tx, body)
    const events = [...bodyEvents]
    for (const check of tx.finalChecks.values()) events.push(...((await check()) ?? []))
    invariant(!wrote() || events.length > 0, 'a mutation that writes must return an event')
    invariant(
      events.length === 0 || actingRunIdOf(ctx.actor) === null || tx.actingRunVerified,
      'a mutation by a run must have verified the acting run',
    )
    // The response must be complete before it is stored.
    const response = ctx.idempotency === null ? null : encryptResponse(ctx.idempotency, await value)
    return { value, drafts: draftAuditRows(ctx, events), response }
  } finally {
    openedTx.close()
  }
}

/**
 * Runs the body behind the admission of the caller. Both are under way at once. A caller that is not admitted is refused for
 * that reason, whatever the body found.
 */
async function admitted<T>(ctx: Ctx, tx: Tx, body: (tx: Tx) => Promise<Outcome<T>>): Promise<Outcome<T>> {
  if (ctx.admit === undefined) {
    invariant(ctx.actor.kind !== 'agent' || ctx.actor.runId !== null, 'a write by an agent without a run must be admitted')
    return await body(tx)
  }
  const admission = pipelined(ctx.admit(tx))
  const [outcome] = await Promise.allSettled([body(tx)])
  await admission
  if (outcome.status === 'rejected') throw outcome.reason
  return outcome.value
}

/** The connection was lost during the commit. The audit rows commit with the change, so they show whether it is there. */
async function resolveInDoubt<T>(ctx: Ctx, { backendPid }: InDoubtCommit, { value, drafts }: BodyResult<T>): Promise<Committed<T>> {
  const found = await findCommitted(ctx.store.transactionPool, backendPid, drafts)
  if (found === 'not committed') return refuse('unavailable', { retryAfter: 1 })
  const resolved =
    found === 'unknown'
      ? null
      : await Promise.resolve(value).then(
          (resolvedValue) => ({ known: resolvedValue }),
          () => null,
        )
  if (found !== 'unknown' && resolved !== null) return { value: resolved.known, rows: found }
  return refuse('unavailable', {
    message:
      'The connection to the database was lost during the commit: check whether the change is there, or repeat the request with the same Idempotency-Key',
    retryAfter: 1,
  })
}
