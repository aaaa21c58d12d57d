import { z } from 'zod'
import { event } from '../platform/kernel/event.ts'

/** The database that rows came from, without any credential. */
const source = z.object({ release: z.string(), host: z.string(), database: z.string() })

/** A company of another server came. Its rows follow, in batches with an audit row each. */
export const companyMovedOver = event(
  'company.moved_over',
  'company',
  z.object({ name: z.string(), issuePrefix: z.string(), statusInSource: z.string(), source }),
)

/** A batch of rows of one table came. An act that this server has not seen has no audit row of its own. */
export const rowsMovedOver = event(
  'company.rows_moved_over',
  'company',
  z.object({ table: z.string(), rows: z.number(), firstId: z.string(), lastId: z.string(), source }),
)

/** Keys that were revoked in the source behind an earlier move are revoked here. */
export const keysRevokedBySource = event('company.keys_revoked_by_source', 'company', z.object({ keyIds: z.array(z.string()), source }))

/** The end of a move that brought something, or that let the company work. */
export const moveFinished = event(
  'company.move_finished',
  'company',
  z.object({ isActivated: z.boolean(), tables: z.record(z.string(), z.object({ brought: z.number(), refused: z.number() })), source }),
)

/**
 * An entry of the source's own history, as the source has it. The actor of the row is this command; who acted, what and when according to
 * the source stands in the details, and this server vouches for none of it.
 */
export const historyMovedOver = event(
  'activity.moved_over',
  'company',
  z.object({
    originalId: z.string(),
    action: z.string(),
    actorType: z.string(),
    actorId: z.string(),
    entityType: z.string(),
    entityId: z.string(),
    at: z.string(),
    details: z.record(z.string(), z.unknown()).nullable(),
  }),
)
