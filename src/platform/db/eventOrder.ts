import { sql } from 'drizzle-orm'
import { exactlyOne } from '../kernel/exactlyOne.ts'
import { statement } from './statement.ts'
import type { ReadDb } from './types.ts'

/** How far the order of events is final, as tickets. */
export interface EventHorizon {
  /** Every transaction that has a ticket up to here has ended. */
  readonly horizon: string
  /** The newest ticket. It lies behind the horizon while a transaction that has a ticket is being committed. */
  readonly newest: string
}

const readHorizon = statement<object, EventHorizon>('event_horizon').read(sql`
  select horizon::text, newest::text from event_horizon()`)

/**
 * Reads how far the order of events is final. A statement that begins afterwards sees all rows with a ticket up to the
 * horizon, and no further row will ever have one.
 *
 * It must be a statement of its own. A statement that looked for open transactions after it took its snapshot would miss
 * the rows of a transaction that ended in between. See `doc/subsystems/events.md`, "The order".
 */
export const eventHorizon = async (db: Pick<ReadDb, 'run'>): Promise<EventHorizon> => exactlyOne(await db.run(readHorizon, {}))
