import { nameKeyOf } from '../../org/agents/index.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import type { RoutineEntry } from './routineEntries.ts'
import type { ExistingRows } from './rows.ts'
import type { ImportRequest } from './views.ts'

/** The planned action for one routine. An existing one is never changed: its runs and its webhooks belong to what it is. */
export interface PlannedRoutine {
  readonly entry: RoutineEntry
  readonly action: 'create' | 'skip'
  readonly existingId: string | null
  readonly reason: string | null
}

/**
 * Plans the routines of a package; none for an agent, because a routine wakes and instructs others (I21). Pure. Adds the warnings of what will run by
 * itself, and of what must be entered again.
 */
export function planRoutines(
  actor: Actor,
  entries: readonly RoutineEntry[],
  { existing, request, warnings }: { readonly existing: ExistingRows; readonly request: ImportRequest; readonly warnings: string[] },
): PlannedRoutine[] {
  if (actor.kind === 'agent') {
    if (entries.length > 0) warnings.push(`${entries.length} routine(s) are ignored, because only the board may import them`)
    return []
  }
  const present = new Map(existing.routines.toReversed().map(({ id, title }) => [nameKeyOf(title), id]))
  return entries.map((entry): PlannedRoutine => {
    const existingId = request.collisionStrategy === 'rename' ? null : (present.get(nameKeyOf(entry.title)) ?? null)
    if (existingId !== null) return { entry, action: 'skip', existingId, reason: 'A routine with this title exists and stays' }
    warnings.push(...noticesOf(entry).map((notice) => `${entry.path}: ${notice}`))
    return { entry, action: 'create', existingId: null, reason: null }
  })
}

function noticesOf({ status, triggers, assignee }: RoutineEntry): string[] {
  const runs = status === 'active' && triggers.some(({ kind, enabled }) => kind === 'schedule' && enabled)
  const webhooks = triggers.filter(({ kind }) => kind === 'webhook').length
  return [
    ...(runs && assignee ? ['has a schedule and will run after the import'] : []),
    ...(webhooks > 0
      ? [`rotate the secrets of its ${webhooks} webhook(s) after the import, and give the new addresses and secrets to their callers`]
      : []),
  ]
}
