// The mark of a database into which a backup is being restored. It is there from before the first row to behind the last, so that no
// server serves what a restore left in the middle.

import { startProblem } from '../kernel/startProblem.ts'
import type { Connection } from './driver/types.ts'

interface Queries {
  query: (text: string, values?: unknown[]) => Promise<unknown>
}

// Not by a name in the schema: a login without rights on it would be refused.
const MARK = `select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'drizzle' and c.relname = 'unfinished_restore') as marked`

const rowsOf = (answer: unknown): readonly { marked: boolean }[] =>
  (Array.isArray(answer) ? answer : (answer as { rows: unknown }).rows) as readonly { marked: boolean }[]

/** Whether a restore into the database has begun and not finished. */
export const hasUnfinishedRestore = async (session: Queries): Promise<boolean> => rowsOf(await session.query(MARK))[0]?.marked === true

/** @throws an error with a sentence for the operator when a restore into the database has not finished */
export async function requireFinishedRestore(connection: Connection): Promise<void> {
  if (await hasUnfinishedRestore(connection as unknown as Queries))
    throw startProblem(
      'A restore into this database has not finished, so it has not all of the backup: run the restore again with the same file, or drop the database',
    )
}
