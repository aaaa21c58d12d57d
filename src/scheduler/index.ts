export { reap } from './reap.ts'
