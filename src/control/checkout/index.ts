export { acquireHoldWithEvent } from './checkout.ts'
export { forceRelease } from './forceRelease.ts'
