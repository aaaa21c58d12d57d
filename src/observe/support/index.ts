export { writeArchive } from './archive.ts'
export { collectSupport, readTail } from './collect.ts'
export type { SupportSources } from './collect.ts'
