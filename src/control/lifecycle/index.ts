export { approvalCancelled } from './events.ts'
export { continueDeletions } from './continueDeletions.ts'
export { endRunsLeftBehind } from './stopRuns.ts'
export { wakeForWaitingIssues } from './wakeWaiting.ts'
