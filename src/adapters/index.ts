export type { Chunk, FinishedOutcome, AdapterOutcome, Job, LifecycleEvent, RunListener, StartedRun } from './adapter.ts'

export { killOrphan } from './processTree.ts'
export type { OrphanOutcome } from './processTree.ts'
export { processIdentity } from './processIdentity.ts'
export type { ProcessIdentity } from './processIdentity.ts'
export { createAdapters } from './registry.ts'
export type { AdapterOptions, Adapters } from './registry.ts'
