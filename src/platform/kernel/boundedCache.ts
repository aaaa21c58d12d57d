/** A map that holds a limited number of entries. */
export interface BoundedCache<K, V> {
  get(key: K): V | undefined
  has(key: K): boolean
  /** Writes an entry and makes it the newest. When the cache is full, the entry that was written longest ago is removed. */
  set(key: K, value: V): void
  delete(key: K): void
  clear(): void
  readonly size: () => number
}

/**
 * Creates a cache that bounds memory. It evicts by the time of writing and not of reading, because every cache of this
 * server holds facts that grow old.
 *
 * Not `lru-cache`: that allocates for its maximum in advance, which is too much for a cache per connection, and none of
 * its other features is needed here.
 * @param onEvict receives an entry that was removed to make room
 */
export function createBoundedCache<K, V>(maxEntries: number, onEvict: (key: K, value: V) => void = () => {}): BoundedCache<K, V> {
  // A Map iterates in the order of insertion, so its first key is the one that was written longest ago.
  const entries = new Map<K, V>()
  const evictOldest = (): void => {
    for (const [key, value] of entries) {
      entries.delete(key)
      return onEvict(key, value)
    }
  }
  return {
    get: (key) => entries.get(key),
    has: (key) => entries.has(key),
    set(key, value) {
      entries.delete(key)
      if (entries.size >= maxEntries) evictOldest()
      entries.set(key, value)
    },
    delete: (key) => void entries.delete(key),
    clear: () => entries.clear(),
    size: () => entries.size,
  }
}
