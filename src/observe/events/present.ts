import { presentRunEvent } from '../../engine/runs/index.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import type { FeedEntry } from './readAfter.ts'

/** The only kind of event that quotes the settings of an agent: how a run was started. */
const quotesSettings = (type: string, payload: string): boolean => type === 'heartbeat.run.event' && payload.includes('"adapter.invoke"')

/**
 * The payload of an event as an actor may see it, by the same rule as the list of the run's events.
 * @param payload JSON; any other event is returned unread
 */
export const presentPayload = (actor: Actor, { type, payload }: { readonly type: string; readonly payload: string }): string =>
  quotesSettings(type, payload)
    ? JSON.stringify(presentRunEvent(actor, JSON.parse(payload) as Parameters<typeof presentRunEvent>[1]))
    : payload

/** An event as clients get it: the JSON of `eventView`, as an actor may see it. Postgres writes JSON without line breaks. */
export const eventJson = (actor: Actor, entry: FeedEntry): string =>
  `{"type":"${entry.type}","companyId":"${entry.companyId}","createdAt":"${entry.createdAt}","payload":${presentPayload(actor, entry)}}`
