import { sql } from 'drizzle-orm'
import type { Tx } from '../../platform/db/types.ts'
import { issues } from '../../model/issues.ts'
import { param, statement } from '../../platform/db/statement.ts'

const touch = statement<{ id: string }, never>('issue_touch').write(sql`update ${issues} set updated_at = now() where id = ${param('id')}`)

/**
 * (tx) Marks an issue as active after a change of a row that belongs to it. Lists sort by activity, and the issue's entity
 * tag covers its documents, files and work products too. Expects the issue's row lock.
 */
export const touchIssue = async (tx: Tx, id: string): Promise<void> => void (await tx.run(touch, { id }))
