export { claimInstance, offerClaim, readClaim } from './claim.ts'
