import { setTimeout as delay } from 'node:timers/promises'
import { actingRun } from '../kernel/actor.ts'
import { invariant, Refusal } from '../kernel/errors.ts'
import type { DomainEvent } from '../kernel/event.ts'
import { drizzleOn, runOn } from './client.ts'
import type { Connection, Drizzle } from './client.ts'
import type { Ctx } from './context.ts'
import { findCommitted } from './doubt.ts'
import { codeOf, isConnectionFailure, isSerializationFailure } from './faults.ts'
import { claimKey, sealAnswer, storeAnswer } from './idempotency.ts'
import type { SealedAnswer } from './idempotency.ts'
import { noLocks } from './locks.ts'
import type { LockState } from './locks.ts'
import { draft, record } from './record.ts'
import type { ActivityRow, DraftRow } from './record.ts'
import type { Effect, Statement } from './statement.ts'
import { doubtOf, transaction } from './transaction.ts'

const minted: unique symbol = Symbol('minted by mutate')

/** A transaction that may write. Only `mutate` can make one. */
export interface Tx {
  readonly [minted]: true
  readonly select: Drizzle['select']
  readonly insert: Drizzle['insert']
  readonly update: Drizzle['update']
  readonly delete: Drizzle['delete']
  run<P, R>(statement: Statement<P, R, 'read' | 'write'>, params: P): Promise<R[]>
  readonly locks: LockState
  /** Set by whoever has found the acting run live under its row lock (I2). */
  runJudged: boolean
}

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
export const settled = <T>(value: T | Promise<T>, events: readonly DomainEvent[]): Outcome<T> => ({ value, events })

/**
 * Lets a write travel while the body goes on. Should it fail, so does every statement behind it, and the failure that
 * the body meets first is the one that is told.
 */
export function later<T>(written: Promise<T>): Promise<T> {
  written.catch(() => {})
  return written
}

/** Whole-transaction tries; two locks in one order cannot deadlock, so even one retry is rare. */
const ATTEMPTS = 4
const BACKOFF_MS = 15

interface Minted {
  readonly tx: Tx
  readonly wrote: () => boolean
  /** The body is over: what a stray branch of it still asks for is refused, whoever has the connection by then. */
  readonly close: () => void
  /** What failed first; once it has, Postgres only says that the transaction is aborted. */
  readonly firstFailure: () => unknown
}

const ABORTED = '25P02'

function mint(connection: Connection): Minted {
  const drizzle = drizzleOn(connection)
  let wrote = false
  let open = true
  let failure: unknown
  const reading = (): void => invariant(open, 'a statement after the end of its transaction')
  const writing = (): void => {
    reading()
    wrote = true
  }
  const tx: Tx = {
    [minted]: true,
    select: ((...fields: Parameters<Drizzle['select']>) => (reading(), drizzle.select(...fields))) as Drizzle['select'],
    insert: (table) => (writing(), drizzle.insert(table)),
    update: (table) => (writing(), drizzle.update(table)),
    delete: (table) => (writing(), drizzle.delete(table)),
    run: async <P, R>(statement: Statement<P, R, Effect>, params: P) => {
      if (statement.effect === 'write') writing()
      else reading()
      const rows = runOn(connection, statement, params)
      rows.catch((error: unknown) => (failure ??= error))
      return rows
    },
    locks: noLocks(),
    runJudged: false,
  }
  return { tx, wrote: () => wrote, close: () => void (open = false), firstFailure: () => failure }
}

/** True for failures that left nothing behind and may pass on a second try. */
const mayRetry = (error: unknown): boolean => !(error instanceof Refusal) && doubtOf(error) === null && isSerializationFailure(error)

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
      if (!mayRetry(error) || attempt === ATTEMPTS) {
        throw isConnectionFailure(error) && !(error instanceof Refusal) ? new Refusal('unavailable', { retryAfter: 1 }) : error
      }
      await delay(BACKOFF_MS * attempt * Math.random())
    }
  }
}

interface Written<T> {
  readonly value: T | Promise<T>
  readonly drafts: readonly DraftRow[]
  readonly answer: SealedAnswer | null
}

interface Committed<T> {
  readonly value: T
  readonly rows: readonly ActivityRow[]
}

async function attemptOnce<T>(ctx: Ctx, body: (tx: Tx) => Promise<Outcome<T>>): Promise<Committed<T>> {
  let written: Written<T> | undefined
  let aborted: () => unknown = () => undefined
  try {
    return await transaction(
      ctx.store.pool,
      async (connection) => {
        const minted = mint(connection)
        aborted = minted.firstFailure
        written = await work(ctx, connection, minted, body)
        return written
      },
      async (connection, { value, drafts, answer }) => {
        const kept = answer === null ? null : storeAnswer(connection, answer)
        const [settledValue, rows] = await Promise.all([value, record(connection, drafts), kept])
        return { value: settledValue, rows }
      },
    )
  } catch (error) {
    const backendPid = doubtOf(error)
    if (backendPid !== null && written !== undefined) return await settleDoubt(ctx, backendPid, written)
    throw codeOf(error) === ABORTED ? (aborted() ?? error) : error
  }
}

/** Everything that can fail in this process happens here, before COMMIT is on its way. */
async function work<T>(ctx: Ctx, connection: Connection, minted: Minted, body: (tx: Tx) => Promise<Outcome<T>>): Promise<Written<T>> {
  const { tx, wrote } = minted
  try {
    if (ctx.idempotency !== null) await claimKey(connection, ctx.idempotency)
    const { value, events } = await body(tx)
    invariant(!wrote() || events.length > 0, 'a mutation that writes must say what happened')
    invariant(events.length === 0 || actingRun(ctx.actor) === null || tx.runJudged, 'a mutation that names a run must have judged it')
    // Awaited by `last`, which does not run when BEGIN turns out to have failed.
    if (value instanceof Promise) value.catch(() => {})
    // The answer to keep must be whole before it is kept.
    const answer = ctx.idempotency === null ? null : sealAnswer(ctx.idempotency, await value)
    return { value, drafts: draft(ctx, events), answer }
  } finally {
    minted.close()
  }
}

/** The connection was lost while it committed: the audit rows, which commit with the change, tell whether it is there. */
async function settleDoubt<T>(ctx: Ctx, backendPid: number, { value, drafts }: Written<T>): Promise<Committed<T>> {
  const found = await findCommitted(ctx.store.pool, backendPid, drafts)
  if (found === 'not committed') throw new Refusal('unavailable', { retryAfter: 1 })
  const whole =
    found === 'unknown'
      ? null
      : await Promise.resolve(value).then(
          (known) => ({ known }),
          () => null,
        )
  if (found !== 'unknown' && whole !== null) return { value: whole.known, rows: found }
  throw new Refusal('unavailable', {
    message: 'The database was lost while it committed: look whether the change is there, or repeat with the same Idempotency-Key',
    retryAfter: 1,
  })
}
