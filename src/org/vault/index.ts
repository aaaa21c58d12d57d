export { isVaultLocked, openValue, sealValue } from './seal.ts'
export type { Sealed } from './seal.ts'
export { useMasterKeys, writeMasterKeys } from './masterKeys.ts'
export { openVault, opensVault, opensVaultWith, readVaultState, wrongKeySentence } from './state.ts'
