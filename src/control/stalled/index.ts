export { mayStall, progressFrom, progressSql } from './progress.ts'
export { MAX_STALLED } from './queries.ts'
export { tickStalled } from './wakeStalled.ts'
