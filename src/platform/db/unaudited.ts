import { runOn } from './driver/client.ts'
import type { Statement } from './statement.ts'
import type { Store } from './types.ts'
import { statementTransaction } from './transaction.ts'

/**
 * Writes without an audit row: leases, times of last contact, expired responses. These writes decide nothing. A lost one
 * costs a renewal and loses no fact.
 */
export const writeUnaudited = <P, R>(store: Store, statement: Statement<P, R, 'unaudited'>, params: P): Promise<R[]> =>
  store.autocommitLane.run(() => statementTransaction(store.autocommitPool, (connection) => runOn(connection, statement, params)))
