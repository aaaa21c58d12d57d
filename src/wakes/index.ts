export { enqueueWake } from './enqueue.ts'
export { finishWakes, promoteWake } from './promote.ts'
export { wakeAgent } from './wakeAgent.ts'
