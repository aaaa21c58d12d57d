export { expireByCancellation, expireByComment, expireByDocument } from './expire.ts'
