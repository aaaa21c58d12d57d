export { enqueueWake } from './enqueue.ts'
export { finishWakes, promoteWake } from './promote.ts'
