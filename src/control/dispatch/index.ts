export { isConfigured, listStartable, runsQueued } from './startable.ts'
export type { Candidate } from './startable.ts'
export { startQueuedRun } from './startQueuedRun.ts'
export type { StartOrder } from './startQueuedRun.ts'
