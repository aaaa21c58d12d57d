// The rows of second factors: what is read of one, and how a code is used up.

import { sql } from 'drizzle-orm'
import { logins, people } from '../../../model/people.ts'
import { recoveryCodes, secondFactors } from '../../../model/secondFactors.ts'
import { param, statement } from '../../../platform/db/statement.ts'
import type { ReadDb, Tx } from '../../../platform/db/types.ts'
import { refuse } from '../../../platform/kernel/errors.ts'
import type { RefusalCode } from '../../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../../platform/kernel/event.ts'
import type { Instant } from '../../../platform/kernel/time.ts'
import { ofInstance } from '../events.ts'
import { digitsOf, recoveryHashOf, stepOf } from './codes.ts'
import { recoveryCodeUsed } from './events.ts'
import type { Seal } from './seal.ts'

/** How long a new secret waits for its first code. */
const BEGUN_FOR = sql.raw("interval '1 hour'")
/** The time that a code of an app stays the same (RFC 6238). */
const STEP_SECONDS = sql.raw('30')

/** The second factor of a person. */
export interface Factor {
  readonly userId: string
  /** Encrypted. */
  readonly secret: string
  /** When its secret was made. */
  readonly createdAt: Instant
  readonly lastStep: number
  /** Null while it waits for its first code. */
  readonly confirmedAt: Instant | null
  /** Whether it was begun lately. */
  readonly isFresh: boolean
  /** The present time step, by the clock of Postgres. */
  readonly step: number
  readonly codesLeft: number
}

/** The columns of factor `f`. */
export const factorColumns = sql`f.person_id as "userId", f.secret, f.created_at as "createdAt", f.last_step as "lastStep",
    f.confirmed_at as "confirmedAt", f.created_at > now() - ${BEGUN_FOR} as "isFresh", floor(extract(epoch from now()) / ${STEP_SECONDS})::int as step,
    (select count(*)::int from ${recoveryCodes} r where r.person_id = f.person_id) as "codesLeft"`

const selectFactor = statement<{ userId: string }, Factor>('second_factor_of_person').read(
  sql`select ${factorColumns} from ${secondFactors} f where f.person_id = ${param('userId')}`,
)

/** The second factor of a person, also one that waits for its first code; null for none. */
export const factorOf = async (db: Pick<ReadDb, 'run'>, userId: string): Promise<Factor | null> =>
  (await db.run(selectFactor, { userId }))[0] ?? null

// FOR SHARE: a change of the second factor or of the password ends the other sessions, and must not miss one that is just being made.
const lockForSession = statement<{ userId: string }, { id: string }>('session_lock').read(sql`
  select p.id from ${people} p join ${logins} l on l.person_id = p.id and l.provider_id = 'credential' and l.account_id = p.id
  where p.id = ${param('userId')} for share`)

/** (tx) Locks the person and the password for a new session, against changes that end sessions. */
export const lockForNewSession = async (tx: Tx, userId: string): Promise<void> => void (await tx.run(lockForSession, { userId }))

/** The fact that a code proves, before the code is used up. */
export type Proof =
  | { readonly kind: 'app'; readonly createdAt: Instant; readonly step: number }
  | { readonly kind: 'recovery'; readonly hash: string }

/** The kinds of codes that an act accepts. */
export type ProofKind = Proof['kind']

/**
 * Compares a code, before the transaction in which it is used up.
 * @returns null for a wrong code, and for one that was used or is too old
 * @throws Refusal `second_factor_unreadable` when no secret of the server opens that of the app
 */
export async function proofOf(seal: Seal, factor: Factor, code: string, kinds: readonly ProofKind[]): Promise<Proof | null> {
  const digits = kinds.includes('app') ? digitsOf(code) : null
  if (digits !== null) {
    const secret = seal.open(factor.secret)
    // Recovery codes need no secret of the server, and still work then.
    if (secret === null) return refuse('second_factor_unreadable')
    const step = await stepOf(secret, digits, factor.step)
    return step === null || step <= factor.lastStep ? null : { kind: 'app', createdAt: factor.createdAt, step }
  }
  const hash = kinds.includes('recovery') ? recoveryHashOf(code) : null
  return hash === null ? null : { kind: 'recovery', hash }
}

// Of two with one code at once the second waits for the row, and finds the step taken.
const takeStep = statement<{ userId: string; createdAt: Instant; step: number; isFirst: boolean }, { userId: string }>(
  'second_factor_take_step',
).write(sql`
  update ${secondFactors} set last_step = ${param('step', 'int')}, confirmed_at = coalesce(confirmed_at, now()), updated_at = now()
  where person_id = ${param('userId')} and created_at = ${param('createdAt', 'timestamptz')} and last_step < ${param('step', 'int')}
    and (confirmed_at is null) = ${param('isFirst', 'boolean')} returning person_id as "userId"`)

const takeRecoveryCode = statement<{ userId: string; hash: string }, { left: number }>('recovery_code_take').write(sql`
  delete from ${recoveryCodes} r where r.hash = ${param('hash')} and r.person_id = ${param('userId')}
    and exists (select from ${secondFactors} f where f.person_id = ${param('userId')} and f.confirmed_at is not null)
  returning (select count(*)::int - 1 from ${recoveryCodes} c where c.person_id = ${param('userId')}) as left`)

/**
 * (tx) Uses a code up: the same code, and an older one of the app, proves nothing afterwards.
 * @param wrong the refusal for a code that another request has used meanwhile
 * @returns the events of its use
 * @throws Refusal as `wrong` says
 */
export async function useUp(tx: Tx, userId: string, proof: Proof, wrong: RefusalCode): Promise<DomainEvent[]> {
  if (proof.kind === 'app') {
    const { createdAt, step } = proof
    return (await tx.run(takeStep, { userId, createdAt, step, isFirst: false })).length === 0 ? refuse(wrong) : []
  }
  const [used] = await tx.run(takeRecoveryCode, { userId, hash: proof.hash })
  return used === undefined ? refuse(wrong) : [recoveryCodeUsed(userId, used, ofInstance)]
}

/** (tx) Uses the first code of an app: from then on the second factor counts. @throws Refusal `code_wrong` */
export async function confirmWith(tx: Tx, userId: string, { createdAt, step }: Extract<Proof, { kind: 'app' }>): Promise<void> {
  if ((await tx.run(takeStep, { userId, createdAt, step, isFirst: true })).length === 0) refuse('code_wrong')
}

const deleteRow = statement<{ userId: string }, { userId: string }>('second_factor_delete').write(
  sql`delete from ${secondFactors} where person_id = ${param('userId')} returning person_id as "userId"`,
)

/** (tx) Deletes a second factor with its recovery codes. @returns whether there was one */
export const deleteFactor = async (tx: Tx, userId: string): Promise<boolean> => (await tx.run(deleteRow, { userId })).length > 0
