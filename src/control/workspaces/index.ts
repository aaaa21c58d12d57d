export { placeRun } from './place.ts'
export { tickWorkspaces } from './tick.ts'
