export { expireByComment, expireByDocument } from './expire.ts'
