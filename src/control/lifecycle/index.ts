export { continueDeletions } from './continueDeletions.ts'
export { endRunsLeftBehind } from './stopRuns.ts'
