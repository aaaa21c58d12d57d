import { setTimeout as sleep } from 'node:timers/promises'

/** A value that is set at most once and can be looked at or awaited. */
export interface Deferred<T> {
  readonly promise: Promise<T>
  /** Null until it is set. */
  value(): T | null
  /** Does nothing when it was set before. */
  resolve(value: T): void
}

export function deferred<T>(): Deferred<T> {
  let settledValue: { readonly value: T } | null = null
  let resolvePromise: (value: T) => void = () => {}
  const promise = new Promise<T>((resolve) => {
    resolvePromise = resolve
  })
  return {
    promise,
    value: () => settledValue?.value ?? null,
    resolve(value) {
      settledValue ??= { value }
      resolvePromise(value)
    },
  }
}

/** Whether a promise settled within a time; the timer does not outlive the wait. */
export async function settlesWithin(ms: number, promise: Promise<unknown>): Promise<boolean> {
  const abort = new AbortController()
  const settled = promise.then(
    () => true,
    () => true,
  )
  const timeout = sleep(ms, false, { signal: abort.signal }).catch(() => false)
  try {
    return await Promise.race([settled, timeout])
  } finally {
    abort.abort()
  }
}
