import type { ReadDb, Store, Tx } from '../../platform/db/types.ts'
import { Refusal, refuse } from '../../platform/kernel/errors.ts'
import { currentDataKey, dataKeyById } from './dataKeys.ts'
import { openBytes, sealBytes } from './frames.ts'

/** A sealed value, as its owner stores it in two columns. */
export interface Sealed {
  /** The id of the data key of the company. */
  readonly keyId: string
  readonly sealed: Buffer
}

/** The text that is bound to a sealed value: copied to another company, another row or another key, it does not open. */
const boundTo = (companyId: string, keyId: string, purpose: string): string => `${companyId}:${keyId}:${purpose}`

/**
 * (tx) Seals a value with the data key of a company (AES-256-GCM).
 * @param purpose the row and the version that the value belongs to, such as `routine-trigger:<id>:<version>`; it opens with the same one only
 * @throws Refusal `vault_locked` when this process lacks the master key
 */
export async function sealValue(tx: Tx, companyId: string, purpose: string, plaintext: string): Promise<Sealed> {
  const key = await currentDataKey(tx, companyId)
  return { keyId: key.id, sealed: sealBytes(key.bytes, boundTo(companyId, key.id, purpose), Buffer.from(plaintext)) }
}

/**
 * Opens a sealed value. Only the caller keeps it.
 * @param from the store, or a transaction
 * @throws Refusal `vault_locked` when this process lacks the master key, or the value was sealed for something else; see `isVaultLocked`
 */
export async function openValue(
  from: Store | Pick<ReadDb, 'run'>,
  companyId: string,
  purpose: string,
  { keyId, sealed }: Sealed,
): Promise<string> {
  const key = await dataKeyById('read' in from ? from.read : from, companyId, keyId)
  const plain = openBytes(key.bytes, boundTo(companyId, keyId, purpose), sealed)
  return plain === null ? refuse('vault_locked') : plain.toString()
}

/** Whether a failure says that a sealed value cannot be opened. Trying again does not help; only the operator can. */
export const isVaultLocked = (error: unknown): boolean => error instanceof Refusal && error.code === 'vault_locked'
