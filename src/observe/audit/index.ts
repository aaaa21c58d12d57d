export { createHeadCopies } from './headCopies.ts'
export { openHeadFile } from './heads.ts'
export type { HeadFile } from './heads.ts'
export { createSealer, SEAL_INTERVAL_MS } from './sealer.ts'
