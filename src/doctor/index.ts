export type { Check, Finding } from './check.ts'
export { allChecks, diagnoseDatabase, diagnoseHost, diagnoseSchema, mendAll } from './diagnose.ts'
export type { DatabaseFacts, Mended } from './diagnose.ts'
