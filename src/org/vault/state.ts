import { sql } from 'drizzle-orm'
import { vaultState } from '../../model/secrets.ts'
import { statement } from '../../platform/db/statement.ts'
import type { ReadDb, Store } from '../../platform/db/types.ts'
import { startProblem } from '../../platform/kernel/startProblem.ts'
import { openBytes, sealBytes } from './frames.ts'
import { masterKeyById, readMasterKeys } from './masterKeys.ts'
import type { MasterKey } from './masterKeys.ts'

/** The known value. It is no secret: it only shows whether a key is the right one. */
const CANARY = 'the master key of this database'

export const canaryOf = (key: MasterKey): Buffer => sealBytes(key.bytes, 'vault-canary', Buffer.from(CANARY))

const opensCanary = (key: MasterKey, canary: Buffer): boolean => openBytes(key.bytes, 'vault-canary', canary)?.toString() === CANARY

export interface VaultState {
  readonly masterKeyId: string
  readonly canary: Buffer
}

const selectState = statement<object, VaultState>('vault_state').read(
  sql`select master_key_id as "masterKeyId", canary from ${vaultState} where id = 1`,
)

/** The master key of the database, by its id; null while nothing is sealed. */
export async function readVaultState(db: Pick<ReadDb, 'run'>): Promise<VaultState | null> {
  const [state] = await db.run(selectState, {})
  return state ?? null
}

/** Whether a master key of this process opens the vault of a database. */
export function opensVault({ masterKeyId, canary }: VaultState): boolean {
  const key = masterKeyById(masterKeyId)
  return key !== null && opensCanary(key, canary)
}

/**
 * Whether master keys that this process does not use open the vault of a database.
 * @param text as in the file of the master keys
 */
export function opensVaultWith(text: string, { masterKeyId, canary }: VaultState): boolean {
  const key = readMasterKeys(text).find(({ id }) => id === masterKeyId)
  return key !== undefined && opensCanary(key, canary)
}

/**
 * Opens the vault of a database at the start of a server: the first sealed value brings a known one with it, which each later server must open.
 * @throws an error with a sentence for the operator, when this process does not have the master key of the database
 */
export async function openVault(store: Store): Promise<void> {
  const state = await readVaultState(store.read)
  if (state === null) return
  if (!opensVault(state)) throw startProblem(wrongKeySentence(state.masterKeyId))
}

export const wrongKeySentence = (id: string): string =>
  `The master key of secrets is not the one of this database (its id is ${id}): give the server the key with which the secrets were sealed, ` +
  'in PAPERCLIP_SECRETS_MASTER_KEY, in PAPERCLIP_SECRETS_MASTER_KEY_FILE or as the file secrets-master-key of its home. Without that key the secrets are lost; ' +
  'an operator who has no backup of it deletes them, and the row of the table vault_state, and starts again'
