import { z } from 'zod'
import { decodeCursor, encodeCursor } from '../kernel/page.ts'

/** Where an entry comes from; within one transaction the audit rows stand first. */
export const sources = { activity: 0, runEvent: 1 } as const

/**
 * A place in the one order of everything that is told: by the transaction that wrote it, then source, then number. A
 * place need not be that of an entry: the edge of a snapshot lies between all that was read and all that will be.
 */
export interface Place {
  readonly txid: bigint
  readonly source: number
  readonly number: number
}

/** Before everything. */
export const beginning: Place = { txid: 0n, source: 0, number: 0 }

/** Before everything that the transaction has written, or will. */
export const edgeAt = (txid: string): Place => ({ txid: BigInt(txid), source: 0, number: 0 })

export function isAfter(a: Place, b: Place): boolean {
  if (a.txid !== b.txid) return a.txid > b.txid
  return a.source === b.source ? a.number > b.number : a.source > b.source
}

/** A place as clients keep it. Opaque to them, and good on every server of this database. */
export const cursorOf = (place: Place): string => encodeCursor([String(place.txid), place.source, place.number])

/** The largest xid8; a longer text is no place. */
const MOST_TXID = 2n ** 64n - 1n
const cursorForm = z.tuple([z.string().regex(/^\d{1,20}$/), z.int().min(0).max(1), z.int().min(0)])

/** What a client asks for: `0` is everything there is. @throws Refusal `malformed_cursor` */
export function placeOf(cursor: string): Place {
  if (cursor === '0') return beginning
  const [txid, source, number] = decodeCursor(
    cursor,
    cursorForm.refine(([text]) => BigInt(text) <= MOST_TXID),
  )
  return { txid: BigInt(txid), source, number }
}
