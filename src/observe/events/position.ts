import { z } from 'zod'
import { decodeCursor, encodeCursor } from '../../platform/kernel/page.ts'

/** Where an entry comes from; within one transaction the audit rows stand first. */
export const sources = { activity: 0, runEvent: 1 } as const

/**
 * A place in the one order of everything that is told: by the transaction that wrote it, then source, then number. A
 * place need not be that of an entry: the edge of a snapshot lies between all that was read and all that will be.
 */
export interface Position {
  readonly txid: bigint
  readonly source: number
  readonly number: number
}

/** Before everything. */
export const START: Position = { txid: 0n, source: 0, number: 0 }

/** Before everything that the transaction has written, or will. */
export const startOfTx = (txid: string): Position => ({ txid: BigInt(txid), source: 0, number: 0 })

export function isAfter(a: Position, b: Position): boolean {
  if (a.txid !== b.txid) return a.txid > b.txid
  return a.source === b.source ? a.number > b.number : a.source > b.source
}

/** A place as clients keep it. Opaque to them, and good on every server of this database. */
export const cursorOf = (position: Position): string => encodeCursor([String(position.txid), position.source, position.number])

/** The largest xid8; a longer text is no place. */
const MAX_TXID = 2n ** 64n - 1n
const cursorSchema = z.tuple([z.string().regex(/^\d{1,20}$/), z.int().min(0).max(1), z.int().min(0)])

/** What a client asks for: `0` is everything there is. @throws Refusal `malformed_cursor` */
export function parseCursor(cursor: string): Position {
  if (cursor === '0') return START
  const [txid, source, number] = decodeCursor(
    cursor,
    cursorSchema.refine(([text]) => BigInt(text) <= MAX_TXID),
  )
  return { txid: BigInt(txid), source, number }
}
