import { sql } from 'drizzle-orm'
import type { Tx } from '../../platform/db/types.ts'
import { issues } from '../../model/issues.ts'
import { param, statement } from '../../platform/db/statement.ts'

const touch = statement<{ id: string }, never>('issue_touch').write(sql`update ${issues} set updated_at = now() where id = ${param('id')}`)

/**
 * (tx) Marks an issue as active, because something that hangs on it has changed: lists sort by it, and its entity tag
 * stands for all of it. Expects the issue's row lock.
 */
export const touchIssue = async (tx: Tx, id: string): Promise<void> => void (await tx.run(touch, { id }))
