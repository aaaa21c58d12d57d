export { environmentFileProvider } from './environmentFile.ts'
export { useExternalProviders } from './providers.ts'
export { requireSecretReferences } from './references.ts'
