export { approveChallenge, cancelChallenge, readChallenge } from './challenges.ts'
