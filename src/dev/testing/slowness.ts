// A limit of time that a test asserts holds on a quiet machine. A busy one gets as much longer as it is slower at that moment.

import { calibrationWork } from './loopSlices.ts'

/** The time of one calibration on a quiet machine, in milliseconds. */
const QUIET_MS = 12
const SAMPLES = 5

/**
 * How many times longer than on a quiet machine work takes now, one at least. It is measured at once, in about 60 ms, as elapsed time: what
 * other programs take of the processors counts.
 */
function slowness(): number {
  let longestMs = 0
  for (let sample = 0; sample <= SAMPLES; sample += 1) {
    const beganAt = performance.now()
    if (calibrationWork() === 0) throw new Error('the calibration did nothing')
    // The first one may be slow because its code has not been compiled.
    if (sample > 0) longestMs = Math.max(longestMs, performance.now() - beganAt)
  }
  return Math.max(1, longestMs / QUIET_MS)
}

/** The limit `ms`, longer by as much as this machine is slower now. Ask when the measured time has ended. */
export const onThisMachine = (ms: number): number => ms * slowness()

/** Whether a measured time `tookMs` is below `ms` on this machine. The slowness is measured only when it could decide. */
export const isInTime = (tookMs: number, ms: number): boolean => tookMs < ms || tookMs < onThisMachine(ms)

/** Whether more time has passed since `beganAt` than `ms` on this machine. The slowness is measured only when it could decide. */
export const isLate = (beganAt: number, ms: number): boolean =>
  performance.now() - beganAt > ms && performance.now() - beganAt > onThisMachine(ms)
