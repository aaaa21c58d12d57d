import { setTimeout as sleep } from 'node:timers/promises'

/** The longest pause before a read for callers that came during the one before. */
const MAX_REST_MS = 50

interface Caller<T> {
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

/**
 * Shares a costly read of something that changes: every caller gets the result of a read that began after its call, and callers
 * that wait at the same time share one. Before a read for callers that came during another one it rests for as long as that one
 * took, so a flood of callers costs at most half of one thread.
 *
 * @param read reads the current state; its rejection is passed to the callers that share it
 */
export function createSharedRead<T>(read: () => Promise<T>): () => Promise<T> {
  let waiting: Caller<T>[] = []
  let isReading = false

  const readFor = async (callers: readonly Caller<T>[]): Promise<void> => {
    try {
      const value = await read()
      for (const { resolve } of callers) resolve(value)
    } catch (error) {
      for (const { reject } of callers) reject(error)
    }
  }

  const serve = async (): Promise<void> => {
    isReading = true
    while (waiting.length > 0) {
      const callers = waiting
      waiting = []
      const startedAt = performance.now()
      await readFor(callers)
      if (waiting.length > 0) await sleep(Math.min(performance.now() - startedAt, MAX_REST_MS))
    }
    isReading = false
  }

  return async () =>
    await new Promise<T>((resolve, reject) => {
      waiting.push({ resolve, reject })
      // `serve` rejects never: the callers get every error.
      if (!isReading) serve().catch(reject)
    })
}

/**
 * The same for many things, each of which is shared by those who ask for it.
 * @param read reads the current state of what a key names
 */
export function createSharedReads<T>(read: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const open = new Map<string, { readonly ask: () => Promise<T>; callers: number }>()

  return async (key) => {
    const entry = open.get(key) ?? { ask: createSharedRead(() => read(key)), callers: 0 }
    open.set(key, entry)
    entry.callers += 1
    try {
      return await entry.ask()
    } finally {
      entry.callers -= 1
      if (entry.callers === 0) open.delete(key)
    }
  }
}
