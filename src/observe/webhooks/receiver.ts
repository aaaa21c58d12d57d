// The receiver of an endpoint as the database has it in the moment before a request: its URL and the secrets that sign now.

import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { isCompanyDeleted } from '../../model/deletions.ts'
import { webhookEndpoints } from '../../model/webhooks.ts'
import { isVaultLocked, openValue } from '../../org/vault/index.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import { sealPurpose } from './signing.ts'

interface Row {
  readonly url: string
  readonly secretVersion: number
  readonly secretKeyId: string
  readonly secretSealed: Buffer
  readonly previousSecretKeyId: string | null
  readonly previousSecretSealed: Buffer | null
  readonly hasPrevious: boolean
  readonly timestamp: number
}

export interface Receiver {
  readonly url: string
  /** The secrets that sign, the present one first; null when the vault is locked. */
  readonly secrets: readonly string[] | null
  /** The time of the database, in seconds since 1970. */
  readonly timestamp: number
}

const ofEndpoint = (condition: SQL): SQL => sql`
  select w.url, w.secret_version as "secretVersion", w.secret_key_id as "secretKeyId", w.secret_sealed as "secretSealed",
    w.previous_secret_key_id as "previousSecretKeyId", w.previous_secret_sealed as "previousSecretSealed",
    coalesce(w.previous_secret_until > clock_timestamp(), false) as "hasPrevious", extract(epoch from clock_timestamp())::int8 as timestamp
  from ${webhookEndpoints} w where w.id = ${param('id', 'uuid')} and w.company_id = ${param('companyId', 'uuid')} and ${condition}`

const selectReceiver = statement<{ id: string; companyId: string }, Row>('webhook_receiver').read(ofEndpoint(sql`true`))

// An endpoint that was changed, stopped, deleted or taken by another server has another epoch, or is not found.
const selectServed = statement<{ id: string; companyId: string; epoch: number }, Row>('webhook_receiver_served').read(
  ofEndpoint(sql`w.status = 'active' and w.lease_epoch = ${param('epoch', 'bigint')} and not ${isCompanyDeleted(sql`w.company_id`)}`),
)

interface Endpoint {
  readonly id: string
  readonly companyId: string
}

async function openSecrets(db: Pick<ReadDb, 'run'>, { id, companyId }: Endpoint, row: Row): Promise<readonly string[] | null> {
  const sealed = [{ version: row.secretVersion, keyId: row.secretKeyId, sealed: row.secretSealed }]
  const { previousSecretKeyId: keyId, previousSecretSealed: previous } = row
  if (row.hasPrevious && keyId !== null && previous !== null) sealed.push({ version: row.secretVersion - 1, keyId, sealed: previous })
  try {
    return await Promise.all(sealed.map(({ version, ...value }) => openValue(db, companyId, sealPurpose(id, version), value)))
  } catch (error) {
    if (isVaultLocked(error)) return null
    throw error
  }
}

async function receiverOf(db: Pick<ReadDb, 'run'>, endpoint: Endpoint, rows: readonly Row[]): Promise<Receiver | null> {
  const [row] = rows
  return row === undefined ? null : { url: row.url, timestamp: row.timestamp, secrets: await openSecrets(db, endpoint, row) }
}

/** The receiver of an endpoint, whatever its status; null for a missing endpoint. */
export const readReceiver = async (db: Pick<ReadDb, 'run'>, { id, companyId }: Endpoint): Promise<Receiver | null> =>
  await receiverOf(db, { id, companyId }, await db.run(selectReceiver, { id, companyId }))

/** The receiver of an endpoint, while this server serves it under that epoch; null when it does not any more. */
export const readServedReceiver = async (
  db: Pick<ReadDb, 'run'>,
  { id, companyId, epoch }: Endpoint & { readonly epoch: number },
): Promise<Receiver | null> => await receiverOf(db, { id, companyId }, await db.run(selectServed, { id, companyId, epoch }))
