import { opensVault, readVaultState } from '../org/vault/index.ts'
import type { ReadDb } from '../platform/db/types.ts'
import { findingOf } from './check.ts'
import type { Check, Finding } from './check.ts'

export const lockedVault: Check = {
  id: 'secret.master-key',
  level: 'fault',
  meaning: 'The master key of this home does not open the secrets of the database: the server does not start, and no run gets its secrets.',
  remedy: 'Put the key with the id that is named into the file secrets-master-key of the home, from the backup of the keys.',
  mends: null,
}

/**
 * Checks that the master keys of this process, which were read from the home, open the vault of the database.
 * @param hasKeys whether the home has any
 */
export async function checkVault(db: Pick<ReadDb, 'run'>, hasKeys: boolean): Promise<Finding[]> {
  const state = await readVaultState(db)
  if (state === null || (hasKeys && opensVault(state))) return []
  const why = hasKeys ? 'the master key of this home is another one, or damaged' : 'this home has no master key'
  return [findingOf(lockedVault, `the secrets need the master key ${state.masterKeyId}, and ${why}`)]
}
