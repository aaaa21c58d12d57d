export { openHeadFile } from './heads.ts'
export type { HeadFile } from './heads.ts'
export { createSealer, SEAL_EVERY_MS } from './sealer.ts'
