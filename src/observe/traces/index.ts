export { openTraces } from './openTraces.ts'
