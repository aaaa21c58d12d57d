/** Listeners for one kind of event within this process. */
export interface Emitter<T> {
  /** @returns the function that removes the listener */
  add(listener: (value: T) => void): () => void
  emit(value: T): void
}

export function createEmitter<T>(): Emitter<T> {
  const listeners = new Set<(value: T) => void>()
  return {
    add(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    emit(value) {
      for (const listener of listeners) listener(value)
    },
  }
}
