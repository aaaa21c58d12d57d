import { z } from 'zod'
import { decodeCursor, encodeCursor } from '../../platform/kernel/page.ts'

/** The table of an entry; within one transaction audit rows come first. */
export const sources = { activity: 0, runEvent: 1 } as const

/**
 * A position in the one order of all events: by the ticket of the transaction that wrote the event, then source, then number. It is
 * usually the position of an entry; `START` and `startOfTx` are positions between entries.
 */
export interface Position {
  readonly txid: bigint
  readonly source: number
  readonly number: number
}

/** Before every event. */
export const START: Position = { txid: 0n, source: 0, number: 0 }

/** Before every event of the transaction with that ticket, written or still to be written. */
export const startOfTx = (txid: bigint): Position => ({ txid, source: 0, number: 0 })

export function isAfter(a: Position, b: Position): boolean {
  if (a.txid !== b.txid) return a.txid > b.txid
  return a.source === b.source ? a.number > b.number : a.source > b.source
}

/** A position as clients keep it. It is opaque to them and valid on every server of this database. */
export const cursorOf = (position: Position): string => encodeCursor([String(position.txid), position.source, position.number])

/** The largest xid8. A larger number is refused. */
const MAX_TXID = 2n ** 64n - 1n
const cursorSchema = z.tuple([z.string().regex(/^\d{1,20}$/), z.int().min(0).max(1), z.int().min(0)])

/** Parses the cursor of a client; `0` requests every event. @throws Refusal `malformed_cursor` */
export function parseCursor(cursor: string): Position {
  if (cursor === '0') return START
  const [txid, source, number] = decodeCursor(
    cursor,
    cursorSchema.refine(([text]) => BigInt(text) <= MAX_TXID),
  )
  return { txid: BigInt(txid), source, number }
}
