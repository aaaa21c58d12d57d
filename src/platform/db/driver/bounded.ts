import { PreparedQuery } from './prepared.ts'
import type { Bound, DriverConnection } from './prepared.ts'

/**
 * Rows that a list asks for first. A list of at most this many, so each page of the usual 50, is read in one round trip.
 * A row has at most about one megabyte, because bodies of requests are limited, and rows beyond the budget are dropped as
 * they arrive.
 */
export const FIRST_ROWS = 64

/**
 * A query that loads at most a number of bytes, and at least one row. Postgres sends rows in portions: the first has few
 * rows, the next as many as fit by the average so far. Rows beyond the budget are dropped before they are parsed.
 * It needs a connection of its own: a statement that is pipelined behind it would close its portal.
 *
 * A read of which few rows are expected is synchronized with its first portion, which saves a round trip. Postgres then closes the portal, so when
 * rows follow, `isUnfinished` says so.
 */
export class BoundedQuery extends PreparedQuery {
  /** Rows were left out. */
  isCut = false
  /** There are more rows than the one portion that was asked for, so the query has to be sent again, for portions. */
  isUnfinished = false
  readonly #expectsFew: boolean
  readonly #maxBytes: number
  readonly #firstRows: number | undefined
  #bytes = 0
  #count = 0
  #isSynced = false

  constructor(bound: Bound, maxRows: number, maxBytes: number, expectsFew = false) {
    super(bound)
    this.#expectsFew = expectsFew
    this.#maxBytes = maxBytes
    this.#firstRows = maxRows > FIRST_ROWS ? FIRST_ROWS : undefined
  }

  override prepare(connection: DriverConnection): void {
    // Set only now: the driver refuses portions on a connection that could have other statements behind this one. This
    // query has its connection for itself.
    this.rows = this.#firstRows
    super.prepare(connection)
  }

  protected override execute(connection: DriverConnection): void {
    if (this.rows === undefined || !this.#expectsFew) return super.execute(connection)
    connection.execute({ portal: '', rows: this.rows })
    // The driver would synchronize behind the last portion.
    this.rows = undefined
    this.#sync(connection)
  }

  override handleDataRow(message: { length: number; fields: (string | null)[] }): void {
    this.#bytes += message.length
    if (this.isCut || (this.#bytes > this.#maxBytes && this.#count > 0)) {
      this.isCut = true
      return
    }
    this.#count += 1
    super.handleDataRow(message)
  }

  override handlePortalSuspended(connection: DriverConnection): void {
    // The portal ended at its portion, so a row may follow; the list that ends exactly here has one empty page more.
    if (this.#bytes >= this.#maxBytes) this.isCut = true
    if (this.#isSynced) {
      this.isUnfinished = !this.isCut
      return
    }
    if (this.isCut) {
      this.rememberDescription()
      return this.#sync(connection)
    }
    const average = Math.max(1, this.#bytes / this.#count)
    connection.execute({ portal: '', rows: Math.max(1, Math.ceil((this.#maxBytes - this.#bytes) / average)) })
    connection.flush()
  }

  override handleCommandComplete(message: unknown, connection: DriverConnection): void {
    this.#isSynced = true
    super.handleCommandComplete(message, connection)
  }

  override handleError(error: unknown, connection: DriverConnection): void {
    // Postgres ignores what follows a failed statement until the next synchronization, which was not sent with this one.
    if (this.rows !== undefined && !this.#isSynced) this.#sync(connection)
    super.handleError(error, connection)
  }

  #sync(connection: DriverConnection): void {
    this.#isSynced = true
    connection.sync()
  }
}
