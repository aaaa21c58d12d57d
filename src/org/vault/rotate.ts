// The rotation of the master key while servers run: data keys are wrapped again, and no value is touched.

import { sql } from 'drizzle-orm'
import { dataKeys, vaultState } from '../../model/secrets.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { invariant, refuse } from '../../platform/kernel/errors.ts'
import { NO_COMPANY } from '../../platform/kernel/event.ts'
import { openDataKey, wrapDataKey } from './dataKeys.ts'
import type { WrappedKey } from './dataKeys.ts'
import { masterKeyRotated } from './events.ts'
import { createMasterKey, masterKeySource, readMasterKeys, useMasterKeys } from './masterKeys.ts'
import type { MasterKey, MasterKeySource } from './masterKeys.ts'
import { canaryOf } from './state.ts'

// Behind every transaction that makes a data key, and before each that wants to: they share the row.
const lockState = statement<object, { masterKeyId: string }>('vault_state_lock').read(
  sql`select master_key_id as "masterKeyId" from ${vaultState} where id = 1 for update`,
)

const selectAll = statement<object, WrappedKey>('data_keys_all').read(
  sql`select id, company_id as "companyId", wrapped, master_key_id as "masterKeyId" from ${dataKeys} order by id for no key update`,
)

const rewrapAll = statement<{ ids: string[]; wrapped: Buffer[]; masterKeyId: string }, never>('data_keys_rewrap').write(sql`
  update ${dataKeys} d set wrapped = n.wrapped, master_key_id = ${param('masterKeyId')}
  from unnest(${param('ids', 'uuid[]')}, ${param('wrapped', 'bytea[]')}) n(id, wrapped) where d.id = n.id`)

const updateState = statement<{ masterKeyId: string; canary: Buffer }, never>('vault_state_update').write(
  sql`update ${vaultState} set master_key_id = ${param('masterKeyId')}, canary = ${param('canary', 'bytea')}, updated_at = now() where id = 1`,
)

/** The key that is to be used from now on, with the present one. In a file that this server may write it is a new one. */
function nextKeys(source: MasterKeySource, currentId: string): { readonly current: MasterKey; readonly next: MasterKey } {
  const keys = readMasterKeys(source.read())
  const current = keys.find(({ id }) => id === currentId) ?? refuse('vault_locked')
  const [wanted] = source.write === null ? keys : readMasterKeys(createMasterKey())
  invariant(wanted !== undefined, 'no master key')
  if (wanted.id === currentId)
    refuse('unprocessable', {
      message:
        'The key is not in a file that this server may write. Put a new key in front of the present one in PAPERCLIP_SECRETS_MASTER_KEY, separated by a comma, restart every server, and rotate again',
    })
  return { current, next: wanted }
}

/** (tx) Wraps every data key with another master key. Expects the lock of the state. @returns how many there are */
async function rewrap(tx: Tx, next: MasterKey): Promise<number> {
  const rows = await tx.run(selectAll, {})
  const opened = rows.map((row) => openDataKey(row))
  await tx.run(rewrapAll, { ids: opened.map(({ id }) => id), wrapped: opened.map((key) => wrapDataKey(next, key)), masterKeyId: next.id })
  await tx.run(updateState, { masterKeyId: next.id, canary: canaryOf(next) })
  return rows.length
}

export interface MasterKeyRotation {
  readonly masterKeyId: string
  readonly dataKeys: number
}

/**
 * Rotates the master key. The file has both keys before the transaction that wraps the data keys, and the new one alone behind it, so a crash at any
 * point leaves a key that opens everything. Other servers read the file again when they meet a data key of a key that they do not have.
 * @throws Refusal `vault_locked` without the present key; `unprocessable` where the operator has to name the new one
 */
export async function rotateMasterKey(ctx: Ctx): Promise<MasterKeyRotation> {
  const source = masterKeySource()
  if (source === null) return refuse('vault_locked')
  const result = await mutate(ctx, async (tx) => {
    const [state] = await tx.run(lockState, {})
    if (state === undefined) return refuse('unprocessable', { message: 'Nothing is sealed yet, so no key is in use' })
    const { current, next } = nextKeys(source, state.masterKeyId)
    // In the transaction, although it is no statement: two rotations at once would write over the key of the other, and this lock keeps them apart.
    source.write?.([next, current])
    useMasterKeys(source)
    const count = await rewrap(tx, next)
    const rotated = { masterKeyId: next.id, dataKeys: count }
    return changed(rotated, masterKeyRotated('vault', { ...rotated, previousMasterKeyId: current.id }, { companyId: NO_COMPANY }))
  })
  await forgetOldKeys(ctx, source)
  return result
}

/** Leaves the present key alone in the file. When another rotation came first, its file has that key already. */
async function forgetOldKeys(ctx: Ctx, source: MasterKeySource): Promise<void> {
  await mutate({ ...ctx, idempotency: null }, async (tx) => {
    const [state] = await tx.run(lockState, {})
    const keys = readMasterKeys(source.read()).filter(({ id }) => id === state?.masterKeyId)
    if (keys.length > 0) source.write?.(keys)
    useMasterKeys(source)
    return unchanged(null)
  })
}
