import { index, integer, pgTable, text } from 'drizzle-orm/pg-core'
import { createdAt, instantColumn, updatedAt } from '../platform/db/columns.ts'
import { people } from './people.ts'

/** The authenticator app of a person. It counts from its first code on, when `confirmedAt` is set. */
export const secondFactors = pgTable('second_factors', {
  userId: text('person_id')
    .primaryKey()
    .references(() => people.id, { onDelete: 'cascade' }),
  /** The secret that the app has, encrypted with a secret of the server. */
  secret: text('secret').notNull(),
  /** The name of the secret of the server with which it is encrypted. */
  sealedWith: text('sealed_with').notNull(),
  /** The time step of the newest code that was accepted: neither it nor an older one is accepted again. */
  lastStep: integer('last_step').notNull().default(0),
  confirmedAt: instantColumn('confirmed_at'),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
})

/** Codes for a person who has lost the app, as hashes. The row of a code is deleted when it is used. */
export const recoveryCodes = pgTable(
  'recovery_codes',
  {
    hash: text('hash').primaryKey(),
    userId: text('person_id')
      .notNull()
      .references(() => secondFactors.userId, { onDelete: 'cascade' }),
  },
  (table) => [index('recovery_codes_person').on(table.userId)],
)
