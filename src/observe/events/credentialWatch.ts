import type { CredentialRef, CredentialIds } from '../../auth/credentialStatus.ts'

/** The credentials that event streams and WebSockets of this process depend on, and what to do when one is revoked. */
export interface CredentialWatch {
  /** @returns the function that ends the watch */
  add(credential: CredentialRef, onRevoked: () => void): () => void
  readonly credentials: () => CredentialIds
  readonly isEmpty: () => boolean
  /** Calls back the watches of these keys, runs and sessions. */
  notifyRevoked(ids: readonly string[]): void
}

export function createCredentialWatch(): CredentialWatch {
  const byKind: Readonly<Record<CredentialRef['kind'], Map<string, Set<() => void>>>> = {
    key: new Map(),
    run: new Map(),
    session: new Map(),
    boardKey: new Map(),
  }
  return {
    add({ kind, id }, onRevoked) {
      const listenersById = byKind[kind]
      const listeners = listenersById.get(id) ?? new Set()
      listenersById.set(id, listeners.add(onRevoked))
      return () => {
        listeners.delete(onRevoked)
        if (listeners.size === 0 && listenersById.get(id) === listeners) listenersById.delete(id)
      }
    },
    credentials: () => ({
      keyIds: [...byKind.key.keys()],
      runIds: [...byKind.run.keys()],
      sessionIds: [...byKind.session.keys()],
      boardKeyIds: [...byKind.boardKey.keys()],
    }),
    isEmpty: () => Object.values(byKind).every((ofKind) => ofKind.size === 0),
    notifyRevoked(ids) {
      for (const id of ids)
        for (const listenersById of Object.values(byKind)) for (const onRevoked of listenersById.get(id) ?? []) onRevoked()
    },
  }
}
