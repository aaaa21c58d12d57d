export type { Chunk, Ended, Exit, Job, LifecycleEvent, Listener, StartedRun } from './adapter.ts'

export { isAllowEntry } from './addresses.ts'
export { endOrphan } from './family.ts'
export type { OrphanEnd } from './family.ts'
export { processIdentity } from './identity.ts'
export type { ProcessIdentity } from './identity.ts'
export { adapterTypes, createAdapters } from './registry.ts'
export type { AdapterOptions, AdapterType, Adapters } from './registry.ts'
