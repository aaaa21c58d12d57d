import type { Actor } from '../kernel/actor.ts'
import type { Refusal } from '../kernel/errors.ts'
import type { DomainEvent } from '../kernel/event.ts'
import type { BoundedRows } from '../kernel/page.ts'
import type { Quotas } from '../kernel/quotas.ts'
import type { Instant } from '../kernel/time.ts'
import type { Drizzle, Pool } from './driver/client.ts'
import type { Lane } from './lane.ts'
import type { Statement } from './statement.ts'

// The types that the files of this folder share. They have their own file so that no two files import each other.

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

/** A database for reading: the type accepts no statement that writes. */
export interface ReadDb {
  run<P, R>(statement: Statement<P, R, 'read'>, params: P): Promise<R[]>
}

/** A database for reading the pages of lists. A transaction cannot: what it pipelines would close the portal of the read. */
export interface PageDb {
  /**
   * Runs the statement of a list and loads at most `PAGE_BYTES` of rows, and at least one row. Postgres is asked for the rows
   * in portions, so it does not send what is not wanted.
   * @param maxRows the limit in the statement
   */
  runPage<P, R>(statement: Statement<P, R, 'read'>, params: P, maxRows: number): Promise<BoundedRows<R>>
}

/** Receives the audit rows of a committed transaction. It must not throw. The call is a hint: a crash may prevent it. */
export type CommitListener = (rows: readonly ActivityRow[]) => void

/** The database as the verbs use it. Only `platform/db` uses the pools directly. */
export interface Store {
  /** For transactions. */
  readonly transactionPool: Pool
  /** For statements outside of transactions, so that readers do not wait behind a queue of writers. */
  readonly autocommitPool: Pool
  readonly read: ReadDb & PageDb
  /** Calls a listener after every commit of this process. @returns the function that removes it */
  onCommit(listener: CommitListener): () => void
  readonly publish: CommitListener
  /** Counts of this process since its start. The same object in `ofAgents`. */
  readonly counts: { transactionRetries: number }
  /** Where transactions wait for their turn at `transactionPool`. */
  readonly transactionLane: Lane
  /** Where statements outside of transactions wait for their turn at `autocommitPool`. `read` does so by itself. */
  readonly autocommitLane: Lane
  /** The same database for the requests of agents, which together leave a quarter of each pool to others. */
  readonly ofAgents: Store
}

/** The response of a request in the form in which it was sent. */
export interface RenderedResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** The bytes of the body in UTF-8, where they have been counted. */
  readonly bytes?: number
}

/** A stored response, with what is known about the request that got it. */
export interface StoredAnswer extends RenderedResponse {
  /** The hash of the run token that the request was made with; null for every other credential. */
  readonly madeWith: string | null
  /** The id of the API key whose secret the answer shows; null when it shows none. */
  readonly shownKeyId: string | null
}

/** A request that carries an Idempotency-Key. */
export interface IdempotentRequest {
  /** The actor of the request. Two actors may use the same key independently. */
  readonly actor: string
  /** Method and path. */
  readonly route: string
  readonly key: string
  /** SHA-256 over query and body. */
  readonly requestHash: string
  /** The 32 bytes of the key that encrypts stored responses. A response may contain a token that is shown once. */
  readonly encryptionKey: Buffer
  /** The key of the secret before, for responses that were stored under it; none while no secret is being replaced. */
  readonly previousEncryptionKey?: Buffer | null
  /** The hash of the run token of the request; null for every other credential. */
  readonly madeWith: string | null
  /** The id of the API key whose secret the value of the mutation has; null when it has none. */
  readonly shownKeyIdOf: (value: unknown) => string | null
  /** Makes the response from the value of the mutation, inside its transaction. */
  readonly render: (value: unknown) => RenderedResponse
  /** Makes the response of a refusal that a mutation records. */
  readonly renderRefusal: (refusal: Refusal) => RenderedResponse
}

/** The actor, the company and the request: the first argument of every verb. */
export interface Ctx {
  readonly actor: Actor
  /** The company from the credential or from a path whose tenant was checked; null only for a route without a company. */
  readonly companyId: string | null
  readonly requestId: string | null
  readonly store: Store
  /** The Idempotency-Key of the request, which its one mutation observes. */
  readonly idempotency: IdempotentRequest | null
  /** Admits the writes of an agent that names no run, in the transaction that writes; a run is the admission of its own writes. */
  readonly admit?: (tx: Tx) => Promise<void>
  /** The quotas that a request of an agent obeys; absent for the work that this server does by itself. */
  readonly quotas?: Quotas
}

/** The row locks that a transaction has taken so far. */
export interface LockState {
  rank: number
  lastId: string
  readonly lockedRows: Set<string>
  /** Those of them that other transactions may have locked, too. */
  readonly sharedRows: Set<string>
}

/** Marks the transactions that `mutate` opens. Only `mutate` uses it. */
export const txBrand: unique symbol = Symbol('opened by mutate')

/** A transaction that may write. Only `mutate` can create one. */
export interface Tx {
  readonly [txBrand]: true
  readonly insert: Drizzle['insert']
  readonly update: Drizzle['update']
  readonly delete: Drizzle['delete']
  run<P, R>(statement: Statement<P, R, 'read' | 'write'>, params: P): Promise<R[]>
  readonly locks: LockState
  /** Set when the acting run was found live under its row lock (I2). */
  actingRunVerified: boolean
  /**
   * The work that runs when the body is done, by name, so that each is made once: checks, and writes that take the last locks. A refusal rolls everything
   * back. The events that it returns are recorded behind those of the body.
   */
  readonly finalChecks: Map<string, () => Promise<void | readonly DomainEvent[]>>
}
