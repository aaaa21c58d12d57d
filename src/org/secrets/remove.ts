import { eq, sql } from 'drizzle-orm'
import { requireActingRun } from '../../auth/runFacts.ts'
import { secrets } from '../../model/secrets.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { lockCompany } from '../companies/index.ts'
import { secretDeleted } from './events.ts'
import { secretById } from './queries.ts'
import { liveRunsWith, usersOf } from './usage.ts'

/** The most names of an answer that says where a secret is used. */
const NAMED = 10

// Alone: a transaction that stores a reference shares the row, so its reference is in the snapshot of the next statement, or it finds no row.
const lockForDelete = statement<{ id: string; companyId: string }, { id: string }>('secret_delete_lock').read(
  sql`select id from ${secrets} where id = ${param('id', 'uuid')} and company_id = ${param('companyId', 'uuid')} for update`,
)

/**
 * Deletes a secret with all of its versions. One that a configuration refers to stays, and so does one that a live run was given: what the run writes
 * is searched for its value.
 * @throws Refusal `not_found`, `secret_in_use`
 */
export async function deleteSecret(ctx: Ctx, id: string): Promise<{ ok: true }> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, companyId)
    await requireActingRun(tx, ctx)
    await tx.run(lockForDelete, { id, companyId })
    const { name, provider, externalRef, latestVersion: versions } = await secretById(tx, companyId, id)
    const users = await usersOf(tx, companyId, id)
    if (users.length > 0) {
      const uses = users.slice(0, NAMED).map((user) => ({ kind: user.kind, id: user.id, name: user.name }))
      refuse('secret_in_use', { message: 'The secret is used by an agent or a project: take the reference out first', details: { uses } })
    }
    const runIds = await liveRunsWith(tx, companyId, id)
    if (runIds.length > 0)
      refuse('secret_in_use', { message: 'A live run was given the secret: delete it when the run has ended', details: { runIds } })
    await tx.delete(secrets).where(eq(secrets.id, id))
    return changed({ ok: true } as const, secretDeleted(id, { name, provider, externalRef, versions }))
  })
}
