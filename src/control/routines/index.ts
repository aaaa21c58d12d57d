export { forgetRuns } from './finish.ts'
export { stopRoutinesOfAgent, stopRoutinesOfProject } from './stop.ts'
export { tickRoutines } from './tick.ts'
