import { setTimeout as sleep } from 'node:timers/promises'

/** A value that is set at most once and can be looked at or awaited. */
export interface Latch<T> {
  readonly promise: Promise<T>
  /** Null until it is set. */
  value(): T | null
  /** Does nothing when it was set before. */
  set(value: T): void
}

export function latch<T>(): Latch<T> {
  let kept: { readonly value: T } | null = null
  let tell: (value: T) => void = () => {}
  const promise = new Promise<T>((resolve) => {
    tell = resolve
  })
  return {
    promise,
    value: () => kept?.value ?? null,
    set(value) {
      kept ??= { value }
      tell(value)
    },
  }
}

/** Whether a promise settled within a time; the timer does not outlive the wait. */
export async function settlesWithin(ms: number, promise: Promise<unknown>): Promise<boolean> {
  const over = new AbortController()
  const settled = promise.then(
    () => true,
    () => true,
  )
  const late = sleep(ms, false, { signal: over.signal }).catch(() => false)
  try {
    return await Promise.race([settled, late])
  } finally {
    over.abort()
  }
}
