import { setTimeout as delay } from 'node:timers/promises'
import { actingRun } from '../kernel/actor.ts'
import { invariant, Refusal } from '../kernel/errors.ts'
import type { DomainEvent } from '../kernel/event.ts'
import { commitInDoubt, drizzleOn, runOn, transaction } from './client.ts'
import type { Connection, Drizzle } from './client.ts'
import type { Ctx } from './context.ts'
import { isConnectionFailure, isSerializationFailure } from './faults.ts'
import { claimKey, storeAnswer } from './idempotency.ts'
import { noLocks } from './locks.ts'
import type { LockState } from './locks.ts'
import { record } from './record.ts'
import type { ActivityRow } from './record.ts'
import type { Effect, Statement } from './statement.ts'

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
  readonly value: T
  readonly events: readonly DomainEvent[]
}

/** Something happened; at least one event is required by type. */
export const changed = <T>(value: T, ...events: readonly [DomainEvent, ...DomainEvent[]]): Outcome<T> => ({
  value,
  events,
})

/** Nothing happened: a repeated request found its work done. */
export const unchanged = <T>(value: T): Outcome<T> => ({ value, events: [] })

/** For verbs that find out on the way whether anything happened. */
export const settled = <T>(value: T, events: readonly DomainEvent[]): Outcome<T> => ({ value, events })

/** Whole-transaction tries; two locks in one order cannot deadlock, so even one retry is rare. */
const ATTEMPTS = 4
const BACKOFF_MS = 15

interface Minted {
  readonly tx: Tx
  readonly wrote: () => boolean
}

function mint(connection: Connection): Minted {
  const drizzle = drizzleOn(connection)
  let wrote = false
  const writing = (): void => void (wrote = true)
  const tx: Tx = {
    [minted]: true,
    select: drizzle.select.bind(drizzle) as Drizzle['select'],
    insert: (table) => (writing(), drizzle.insert(table)),
    update: (table) => (writing(), drizzle.update(table)),
    delete: (table) => (writing(), drizzle.delete(table)),
    run: <P, R>(statement: Statement<P, R, Effect>, params: P) => {
      if (statement.effect === 'write') writing()
      return runOn(connection, statement, params)
    },
    locks: noLocks(),
    runJudged: false,
  }
  return { tx, wrote: () => wrote }
}

/** True for failures that left nothing behind and may pass on a second try. */
function mayRetry(error: unknown): boolean {
  if (error instanceof Refusal) return false
  if ((error as { [commitInDoubt]?: boolean })[commitInDoubt] === true) return false
  return isSerializationFailure(error)
}

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

async function attemptOnce<T>(ctx: Ctx, body: (tx: Tx) => Promise<Outcome<T>>): Promise<{ value: T; rows: ActivityRow[] }> {
  return await transaction(
    ctx.store.pool,
    async (connection) => {
      const { tx, wrote } = mint(connection)
      if (ctx.idempotency !== null) await claimKey(connection, ctx.idempotency)
      const { value, events } = await body(tx)
      invariant(!wrote() || events.length > 0, 'a mutation that writes must say what happened')
      invariant(events.length === 0 || actingRun(ctx.actor) === null || tx.runJudged, 'a mutation that names a run must have judged it')
      return { value, events }
    },
    async (connection, { value, events }) => {
      const stored = ctx.idempotency === null ? null : storeAnswer(connection, ctx.idempotency, value)
      const rows = await record(connection, ctx, events)
      await stored
      return { value, rows }
    },
  )
}
