import { randomBytes, randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { dataKeys, vaultState } from '../../model/secrets.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { ReadDb, Tx } from '../../platform/db/types.ts'
import { createBoundedCache } from '../../platform/kernel/boundedCache.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { KEY_BYTES, openBytes, sealBytes } from './frames.ts'
import { masterKeyById, masterKeys } from './masterKeys.ts'
import type { MasterKey } from './masterKeys.ts'
import { canaryOf } from './state.ts'

/** A data key that is open, in memory only. */
export interface DataKey {
  readonly id: string
  readonly companyId: string
  readonly bytes: Buffer
}

/** A data key as it is stored. */
export interface WrappedKey {
  readonly id: string
  readonly companyId: string
  readonly wrapped: Buffer
  readonly masterKeyId: string
}

const wrapPurpose = ({ id, companyId }: Pick<WrappedKey, 'id' | 'companyId'>): string => `data-key:${companyId}:${id}`

/** Wraps a data key with a master key. */
export const wrapDataKey = (master: MasterKey, key: DataKey): Buffer => sealBytes(master.bytes, wrapPurpose(key), key.bytes)

/** Opened keys by id. A rotation of the master key does not change them, and an id is never used again. */
const MAX_OPENED = 1000
const opened = createBoundedCache<string, DataKey>(MAX_OPENED)

/** Opens a wrapped data key. @throws Refusal `vault_locked` */
export function openDataKey(row: WrappedKey): DataKey {
  const master = masterKeyById(row.masterKeyId)
  const bytes = master === null ? null : openBytes(master.bytes, wrapPurpose(row), row.wrapped)
  if (bytes === null || bytes.length !== KEY_BYTES) return refuse('vault_locked')
  return { id: row.id, companyId: row.companyId, bytes }
}

function remember(key: DataKey): DataKey {
  opened.set(key.id, key)
  return key
}

const columns = sql`id, company_id as "companyId", wrapped, master_key_id as "masterKeyId"`

const selectById = statement<{ id: string; companyId: string }, WrappedKey>('data_key_by_id').read(
  sql`select ${columns} from ${dataKeys} where id = ${param('id', 'uuid')} and company_id = ${param('companyId', 'uuid')}`,
)

/** The data key with that id, of that company. @throws Refusal `vault_locked` */
export async function dataKeyById(db: Pick<ReadDb, 'run'>, companyId: string, id: string): Promise<DataKey> {
  const cached = opened.get(id)
  if (cached !== undefined) return cached.companyId === companyId ? cached : refuse('vault_locked')
  const [row] = await db.run(selectById, { id, companyId })
  return row === undefined ? refuse('vault_locked') : remember(openDataKey(row))
}

const selectCurrent = statement<{ companyId: string }, { id: string }>('data_key_current').read(
  sql`select id from ${dataKeys} where company_id = ${param('companyId', 'uuid')} order by version desc limit 1`,
)

// A rotation changes this row first and then wraps every data key again, so it waits for this transaction and sees its key.
const shareState = statement<object, { masterKeyId: string }>('vault_state_share').read(
  sql`select master_key_id as "masterKeyId" from ${vaultState} where id = 1 for share`,
)

const createState = statement<{ masterKeyId: string; canary: Buffer }, never>('vault_state_create').write(
  sql`insert into ${vaultState} (id, master_key_id, canary) values (1, ${param('masterKeyId')}, ${param('canary', 'bytea')}) on conflict do nothing`,
)

const insert = statement<WrappedKey, never>('data_key_insert').write(sql`
  insert into ${dataKeys} (id, company_id, version, wrapped, master_key_id)
  values (${param('id', 'uuid')}, ${param('companyId', 'uuid')}, 1, ${param('wrapped', 'bytea')}, ${param('masterKeyId')})
  on conflict (company_id, version) do nothing`)

async function createDataKey(tx: Tx, companyId: string): Promise<void> {
  const [wanted] = masterKeys()
  let [state] = await tx.run(shareState, {})
  if (state === undefined && wanted !== undefined) {
    await tx.run(createState, { masterKeyId: wanted.id, canary: canaryOf(wanted) })
    ;[state] = await tx.run(shareState, {})
  }
  const master = state === undefined ? null : masterKeyById(state.masterKeyId)
  if (master === null) return refuse('vault_locked')
  const key = { id: randomUUID(), companyId, bytes: randomBytes(KEY_BYTES) }
  // Not remembered: it may lose against another transaction, and this one may be rolled back.
  await tx.run(insert, { id: key.id, companyId, wrapped: wrapDataKey(master, key), masterKeyId: master.id })
}

/** (tx) The data key that seals new values of a company; made with the first one. @throws Refusal `vault_locked` */
export async function currentDataKey(tx: Tx, companyId: string): Promise<DataKey> {
  const [found] = await tx.run(selectCurrent, { companyId })
  if (found !== undefined) return await dataKeyById(tx, companyId, found.id)
  await createDataKey(tx, companyId)
  const { id } = exactlyOne(await tx.run(selectCurrent, { companyId }))
  const row = exactlyOne(await tx.run(selectById, { id, companyId }))
  return openDataKey(row)
}
