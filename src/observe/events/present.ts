import { presentRunEvent } from '../../engine/runs/index.ts'
import { seesDetailsOf } from '../../auth/visibility.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import type { FeedEntry } from './readAfter.ts'

/** The only kind of event that quotes the settings of an agent: how a run was started. */
const quotesSettings = (type: string, payload: string): boolean => type === 'heartbeat.run.event' && payload.includes('"adapter.invoke"')

/** Audit rows of secrets, as Postgres writes them. */
const isAboutSecret = (type: string, payload: string): boolean => type === 'activity.logged' && payload.includes('"entityType" : "secret"')

/**
 * The payload of an event as an actor may see it, by the same rules as the lists of a run's events and of audit rows.
 * @param payload JSON; any other event is returned unread
 */
export function presentPayload(actor: Actor, { type, payload }: { readonly type: string; readonly payload: string }): string {
  if (quotesSettings(type, payload))
    return JSON.stringify(presentRunEvent(actor, JSON.parse(payload) as Parameters<typeof presentRunEvent>[1]))
  if (seesDetailsOf(actor, 'secret') || !isAboutSecret(type, payload)) return payload
  const row = JSON.parse(payload) as { readonly entityType: string }
  return row.entityType === 'secret' ? JSON.stringify({ ...row, details: null }) : payload
}

/** An event as clients get it: the JSON of `eventView`, as an actor may see it. Postgres writes JSON without line breaks. */
export const eventJson = (actor: Actor, entry: FeedEntry): string =>
  `{"type":"${entry.type}","companyId":"${entry.companyId}","createdAt":"${entry.createdAt}","payload":${presentPayload(actor, entry)}}`
