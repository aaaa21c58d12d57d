import { sql } from 'drizzle-orm'
import { boolean, check, index, integer, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { createdAt, instantColumn, updatedAt } from '../platform/db/columns.ts'

// The property names of the first four tables are the field names of better-auth, whose adapter writes them (`org/people/adapter.ts`).

/** People who sign in. */
export const people = pgTable(
  'people',
  {
    id: text('id').primaryKey(),
    name: text('name').notNull(),
    email: text('email').notNull(),
    emailVerified: boolean('email_verified').notNull().default(false),
    image: text('image'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    uniqueIndex('people_email_key').on(table.email),
    index('people_order').on(table.createdAt, table.id),
    check('people_email_check', sql`email = lower(email)`),
  ],
)

/** The column of the person that a row belongs to. The row is deleted with the person. */
const personId = () =>
  text('person_id')
    .notNull()
    .references(() => people.id, { onDelete: 'cascade' })

/** Sessions: a browser in which a person signed in. The cookie has the token and a signature, so the table alone opens no session. */
export const signIns = pgTable(
  'sign_ins',
  {
    id: uuid('id').primaryKey(),
    token: text('token').notNull(),
    userId: personId(),
    expiresAt: instantColumn('expires_at').notNull(),
    ipAddress: text('ip_address'),
    userAgent: text('user_agent'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [uniqueIndex('sign_ins_token_key').on(table.token), index('sign_ins_person').on(table.userId)],
)

/** How a person proves who it is: a password (`providerId` `credential`), or an account at a provider. */
export const logins = pgTable(
  'logins',
  {
    id: uuid('id').primaryKey(),
    accountId: text('account_id').notNull(),
    providerId: text('provider_id').notNull(),
    userId: personId(),
    accessToken: text('access_token'),
    refreshToken: text('refresh_token'),
    idToken: text('id_token'),
    accessTokenExpiresAt: instantColumn('access_token_expires_at'),
    refreshTokenExpiresAt: instantColumn('refresh_token_expires_at'),
    scope: text('scope'),
    password: text('password'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [uniqueIndex('logins_account_key').on(table.providerId, table.accountId), index('logins_person').on(table.userId)],
)

/** Values that a flow of a sign-in stores until its next step. */
export const challenges = pgTable(
  'challenges',
  {
    id: uuid('id').primaryKey(),
    identifier: text('identifier').notNull(),
    value: text('value').notNull(),
    expiresAt: instantColumn('expires_at').notNull(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [index('challenges_identifier').on(table.identifier), index('challenges_value').on(table.value)],
)

/** Attempts to sign in, counted by address, by account and by device, for all servers together. */
export const authAttempts = pgTable(
  'auth_attempts',
  {
    key: text('key').primaryKey(),
    count: integer('count').notNull(),
    endsAt: instantColumn('ends_at').notNull(),
  },
  (table) => [index('auth_attempts_end').on(table.endsAt)],
)

/** The people who administer the instance. */
export const instanceAdministrators = pgTable('instance_administrators', {
  userId: personId().primaryKey(),
  id: uuid('id').notNull().defaultRandom(),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
})
