import type { Standing, Standings } from '../access/standing.ts'

/** Which credentials streams and sockets of this process hang on, and whom to tell when one falls. */
export interface Watches {
  /** @returns the way to stop watching */
  add(standing: Standing, fallen: () => void): () => void
  readonly standings: () => Standings
  readonly isEmpty: () => boolean
  /** Tells everybody who hangs on one of these. */
  tell(ids: readonly string[]): void
}

export function createWatches(): Watches {
  const byKind: Readonly<Record<Standing['kind'], Map<string, Set<() => void>>>> = { key: new Map(), run: new Map() }
  return {
    add({ kind, id }, fallen) {
      const watched = byKind[kind]
      const listeners = watched.get(id) ?? new Set()
      watched.set(id, listeners.add(fallen))
      return () => {
        listeners.delete(fallen)
        if (listeners.size === 0 && watched.get(id) === listeners) watched.delete(id)
      }
    },
    standings: () => ({ keyIds: [...byKind.key.keys()], runIds: [...byKind.run.keys()] }),
    isEmpty: () => byKind.key.size === 0 && byKind.run.size === 0,
    tell(ids) {
      for (const id of ids) for (const watched of [byKind.key, byKind.run]) for (const fallen of watched.get(id) ?? []) fallen()
    },
  }
}
