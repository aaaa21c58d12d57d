/**
 * Waits for a promise, for a limited time. The timer does not outlive the wait.
 * @param onTimeout returns the value to use when `ms` milliseconds have passed, or throws (for example a refusal)
 * @returns what the promise resolves to, or what `onTimeout` returns
 * @throws what the promise rejects with, or what `onTimeout` throws
 */
export async function withTimeout<T, U>(promise: Promise<T>, ms: number, onTimeout: () => U): Promise<T | U> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<U>((resolve, reject) => {
    timer = setTimeout(() => {
      try {
        resolve(onTimeout())
      } catch (error) {
        reject(error as Error)
      }
    }, ms)
  })
  try {
    return await Promise.race([promise, timeout])
  } finally {
    clearTimeout(timer)
  }
}

/** Waits at most `ms` milliseconds. @returns whether the promise was fulfilled or rejected in that time; never rejects */
export async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const settled = promise.then(
    () => true,
    () => true,
  )
  return await withTimeout(settled, ms, () => false)
}
