export { acquireHoldWithEvent } from './checkout.ts'
