/** A value that is set at most once, and that can be read or awaited. */
export interface Deferred<T> {
  readonly promise: Promise<T>
  /** Null until it is set. */
  value(): T | null
  /** Has no effect when the value was set before. */
  resolve(value: T): void
}

export function deferred<T>(): Deferred<T> {
  let resolved: { readonly value: T } | null = null
  let resolvePromise: (value: T) => void = () => {}
  const promise = new Promise<T>((resolve) => {
    resolvePromise = resolve
  })
  return {
    promise,
    value: () => resolved?.value ?? null,
    resolve(value) {
      resolved ??= { value }
      resolvePromise(value)
    },
  }
}
