const TICK_MS = 5000
/** A tick that is late by more than this was not delayed by work: the machine slept. */
const SLEPT_MS = 15_000

/** Reacts when the machine wakes up, or has a network again: connections from before may be dead without an error. @returns ends it */
export function whenAwake(react: () => void): () => void {
  let last = Date.now()
  const timer = setInterval(() => {
    const now = Date.now()
    if (now - last > TICK_MS + SLEPT_MS) react()
    last = now
  }, TICK_MS)
  addEventListener('online', react)
  return () => {
    clearInterval(timer)
    removeEventListener('online', react)
  }
}
