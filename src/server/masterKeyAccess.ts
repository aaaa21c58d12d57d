// Where the master key of secrets comes from: the configuration, or a file of the home.

import path from 'node:path'
import { z } from 'zod'
// Not through the index, which would load the database before the configuration is read.
import { createMasterKey, readMasterKeys, useMasterKeys, writeMasterKeys } from '../org/vault/masterKeys.ts'
import type { MasterKeySource } from '../org/vault/masterKeys.ts'
import { loadOrCreateSecretFile, readKeptSecret, replaceSecretFile } from '../platform/home/secret.ts'
import type { Store } from '../platform/db/types.ts'
import { startProblem } from '../platform/kernel/startProblem.ts'

/** The file of the home with the master key. */
export const MASTER_KEY_FILE = 'secrets-master-key'

/** A text from which `readMasterKeys` reads keys. */
export const masterKeysText = z.string().superRefine((text, context) => {
  try {
    readMasterKeys(text)
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message })
  }
})

interface Place {
  readonly home: string
  readonly secretsMasterKey: string | null
  readonly secretsEnvFile: string | null
}

function sourceOf({ home, secretsMasterKey }: Place): MasterKeySource {
  if (secretsMasterKey !== null) return { read: () => secretsMasterKey, write: null }
  return {
    read: () => readKeptSecret(home, MASTER_KEY_FILE) ?? '',
    write: (keys) => replaceSecretFile(home, MASTER_KEY_FILE, writeMasterKeys(keys)),
  }
}

/**
 * Gives this process its providers of secrets and its master key, made at the first start where none is configured, and opens the vault with it. A database that has a vault gets
 * no new key: its secrets would not open with it.
 * @throws an error with a sentence for the operator, when the key is missing, damaged, or not the one of the database
 */
export async function openSecrets(store: Store, place: Place): Promise<void> {
  const { openVault, readVaultState, wrongKeySentence } = await import('../org/vault/index.ts')
  if (place.secretsMasterKey === null && readKeptSecret(place.home, MASTER_KEY_FILE) === null) {
    const state = await readVaultState(store.read)
    if (state !== null) throw startProblem(wrongKeySentence(state.masterKeyId))
    loadOrCreateSecretFile(place.home, MASTER_KEY_FILE, createMasterKey)
  }
  try {
    useMasterKeys(sourceOf(place))
  } catch (error) {
    throw startProblem(`${path.join(place.home, MASTER_KEY_FILE)} cannot be used: ${(error as Error).message}`, error)
  }
  await openVault(store)
  const { environmentFileProvider, useExternalProviders } = await import('../org/secrets/index.ts')
  useExternalProviders(place.secretsEnvFile === null ? [] : [environmentFileProvider(place.secretsEnvFile)])
}
