// When API keys were last used, collected in memory and written once a minute.

import { sql } from 'drizzle-orm'
import { agentKeys } from '../model/agents.ts'
import { param, statement } from '../platform/db/statement.ts'
import type { Store } from '../platform/db/types.ts'
import { writeUnaudited } from '../platform/db/unaudited.ts'

/** How often uses are written: each key at most once a minute. */
export const KEY_USE_INTERVAL_MS = 60_000
/** Keys whose use is collected between two writes; further ones are recorded by a later use. It bounds memory. */
const MAX_KEYS = 20_000

// Skips a locked key: a revocation or another server writes it. A use is never older than the one that is stored.
const writeUses = statement<{ keyIds: string[]; agesMs: number[] }, { id: string }>('key_uses_write').unaudited(sql`
  with used as (select * from unnest(${param('keyIds', 'uuid[]')}, ${param('agesMs', 'float8[]')}) as t (id, age_ms)),
  present as (select k.id from ${agentKeys} k where k.id in (select id from used) order by k.id for no key update skip locked)
  update ${agentKeys} k set last_used_at = greatest(k.last_used_at, now() - used.age_ms * interval '1 millisecond')
  from used join present on present.id = used.id where k.id = used.id returning k.id`)

/** Collects the uses of keys. It is telemetry: a crash loses the last minute. */
export interface KeyUse {
  /** Notes that a key was looked up: at most once a second per key, because a credential is kept for so long. */
  note(keyId: string): void
  /** Writes what was noted since the last call. Without any it sends no statement. */
  flush(store: Store): Promise<void>
}

export function createKeyUse(): KeyUse {
  let usedAtMs = new Map<string, number>()
  return {
    note(keyId) {
      if (usedAtMs.size < MAX_KEYS || usedAtMs.has(keyId)) usedAtMs.set(keyId, performance.now())
    },
    async flush(store) {
      if (usedAtMs.size === 0) return
      const uses = [...usedAtMs]
      usedAtMs = new Map()
      const now = performance.now()
      await writeUnaudited(store, writeUses, { keyIds: uses.map(([id]) => id), agesMs: uses.map(([, at]) => now - at) })
    },
  }
}
