import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { deletions } from '../model/deletions.ts'
import { statement } from '../platform/db/statement.ts'
import type { Statement } from '../platform/db/statement.ts'

/** `fault`: a promise of this server is broken, or soon will be. `warning`: it holds, and something of its surroundings is worth a look. */
export type Level = 'fault' | 'warning'

/** A kind of fault. Its id never changes, because scripts and alarms name it. */
export interface Check {
  readonly id: string
  readonly level: Level
  /** One sentence: what is wrong, and what follows from it. */
  readonly meaning: string
  /** One sentence: what the operator does about it. */
  readonly remedy: string
  /** The act of `--fix` about it, as a sentence; null where only the operator can act. */
  readonly mends: string | null
}

/** A row that a finding is about. */
export interface Subject {
  readonly companyId: string | null
  /** The id of the row; null for what has none. */
  readonly id: string | null
  /** A description of the fault. It may quote what an agent wrote. */
  readonly what: string
}

/** A fault that was found. */
export interface Finding extends Check {
  /** How many rows it concerns. */
  readonly count: number
  /** Some of them, at most `MAX_SUBJECTS`. */
  readonly subjects: readonly Subject[]
}

/** Subjects that one finding names. More are counted. */
export const MAX_SUBJECTS = 20

export type FoundRow = Subject & { readonly total: number }

/** A check that one statement answers. One statement has one snapshot, so what it finds was true at one instant, also under load. */
export interface SqlCheck extends Check {
  readonly statement: Statement<object, FoundRow, 'read'>
}

/** The rows of a company or an agent whose deletion goes on are deleted in several transactions, and between two of them not all fit together. */
const beingDeleted = sql`exists (select from ${deletions} gone where gone.id = found.company_id or gone.id = found.agent_id)`

/**
 * Declares a check in SQL.
 * @param query with the columns `company_id`, `id`, `what` and `agent_id`, the agent whose deletion deletes the row, or null; no row means no fault
 */
export const sqlCheck = (check: Omit<Check, 'level' | 'mends'> & Partial<Pick<Check, 'level' | 'mends'>>, query: SQL): SqlCheck => ({
  level: 'fault',
  mends: null,
  ...check,
  statement: statement<object, FoundRow>(`doctor_${check.id.replaceAll(/[.-]/g, '_')}`).read(sql`
    select found.company_id::text as "companyId", found.id::text as id, found.what, (count(*) over ())::int as total
    from (${query}) found where not ${beingDeleted} order by found.what, found.id limit ${sql.raw(String(MAX_SUBJECTS))}`),
})

/** A finding about what has no rows, such as the host. */
export const findingOf = (check: Check, ...what: readonly string[]): Finding => ({
  ...check,
  count: what.length,
  subjects: what.slice(0, MAX_SUBJECTS).map((text) => ({ companyId: null, id: null, what: text })),
})
