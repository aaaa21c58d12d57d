import { runOn } from './driver/client.ts'
import type { Statement } from './statement.ts'
import type { Store } from './types.ts'
import { transaction } from './transaction.ts'

/**
 * The second, narrow door for writes: leases, last-seen, expired answers. Nothing here is a decision and nothing is
 * audited; a lost write costs a renewal, never a fact.
 */
export const writeUnaudited = <P, R>(store: Store, statement: Statement<P, R, 'unaudited'>, params: P): Promise<R[]> =>
  transaction(
    store.autocommitPool,
    (connection) => runOn(connection, statement, params),
    async (_, rows) => rows,
  )
