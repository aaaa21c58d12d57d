import type { Actor } from '../kernel/actor.ts'
import type { Instant } from '../kernel/time.ts'
import type { Drizzle, Pool } from './driver/client.ts'
import type { Statement } from './statement.ts'

// The types that the files of this room share, in a file of their own so that no two files import each other.

/** An audit row as it was committed. */
export interface ActivityRow {
  readonly id: string
  readonly seq: number
  readonly companyId: string
  readonly actorType: 'agent' | 'user' | 'system'
  readonly actorId: string
  readonly action: string
  readonly entityType: string
  readonly entityId: string
  readonly agentId: string | null
  readonly runId: string | null
  readonly details: Readonly<Record<string, unknown>>
  readonly createdAt: Instant
}

/** A database that can only be read: its type has no write verb. */
export interface ReadDb {
  run<P, R>(statement: Statement<P, R, 'read'>, params: P): Promise<R[]>
}

/** Called with the audit rows of a committed transaction. Must not throw; a hint, never the truth. */
export type CommitListener = (rows: readonly ActivityRow[]) => void

/** The database as the verbs see it. Only `db/` looks inside the pools. */
export interface Store {
  /** Transactions. */
  readonly transactionPool: Pool
  /** Everything outside a transaction, so that a queue of writers keeps no reader waiting. */
  readonly autocommitPool: Pool
  readonly read: ReadDb
  /** Tells a listener of every commit of this process; returns the way to stop. */
  onCommit(listener: CommitListener): () => void
  readonly publish: CommitListener
}

/** The answer of a request, as it went out. */
export interface RenderedResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A request that carries an Idempotency-Key. */
export interface IdempotentRequest {
  /** Who asks: the key of one actor means nothing to another. */
  readonly actor: string
  /** Method and path. */
  readonly route: string
  readonly key: string
  /** SHA-256 over query and body. */
  readonly requestHash: string
  /** 32 bytes that seal stored answers; an answer may hold a token that is shown once. */
  readonly encryptionKey: Buffer
  /** Makes the answer from the value of the mutation, inside its transaction. */
  readonly render: (value: unknown) => RenderedResponse
}

/** Who does what, where and under which request: the first argument of every verb. */
export interface Ctx {
  readonly actor: Actor
  /** The company from the credential or from a tenant-checked path; null only where a route has none. */
  readonly companyId: string | null
  readonly requestId: string | null
  readonly store: Store
  /** The Idempotency-Key of the request, to be honoured by the one mutation it makes. */
  readonly idempotency: IdempotentRequest | null
}

/** What a transaction has locked so far. */
export interface LockState {
  rank: number
  lastId: string
  readonly lockedRows: Set<string>
}

/** Marks the transactions that `mutate` opens. Only `mutate` uses it. */
export const txBrand: unique symbol = Symbol('opened by mutate')

/** A transaction that may write. Only `mutate` can make one. */
export interface Tx {
  readonly [txBrand]: true
  readonly insert: Drizzle['insert']
  readonly update: Drizzle['update']
  readonly delete: Drizzle['delete']
  run<P, R>(statement: Statement<P, R, 'read' | 'write'>, params: P): Promise<R[]>
  readonly locks: LockState
  /** Set by whoever has found the acting run live under its row lock (I2). */
  actingRunVerified: boolean
}
