export { progressFrom, progressSql } from './progress.ts'
export { tickStalled } from './wakeStalled.ts'
