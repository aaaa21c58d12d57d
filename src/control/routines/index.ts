export { forgetRuns } from './finish.ts'
export { stopRoutinesOfAgent, stopRoutinesOfProject } from './stop.ts'
export { routinesDue, tickRoutines } from './tick.ts'
