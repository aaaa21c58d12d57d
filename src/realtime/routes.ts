import { inCompany } from '../access/scopes.ts'
import { standingOf } from '../access/standing.ts'
import { companyOf } from '../db/context.ts'
import { get } from '../http/route.ts'
import type { Route } from '../http/route.ts'
import type { Feed } from './feed.ts'
import { isAfter, placeOf } from './place.ts'
import { eventStream } from './stream.ts'
import type { StreamOptions } from './stream.ts'
import { eventView, streamQuery } from './views.ts'

/** The route by which one follows what happens in a company. */
export const realtimeRoutes = (feed: Feed, options: StreamOptions = {}): Route[] => [
  get('/api/companies/:companyId/events/stream', {
    summary: 'Follow what happens in a company, in commit order, as server-sent events',
    permission: 'event.follow',
    scope: inCompany(),
    query: streamQuery,
    streams: 'events',
    returns: eventView,
    refuses: ['not_found', 'malformed_cursor', 'too_many_streams'],
    handle: async ({ ctx, query, lastEventId }) => {
      // What a reader has read since it began counts for more than where its URL says that it begins.
      const cursor = lastEventId ?? query.after
      const asked = cursor === undefined ? undefined : placeOf(cursor)
      const { edge, ceiling } = await feed.present()
      const mustResync = asked !== undefined && isAfter(asked, ceiling)
      const { actor } = ctx
      const companyId = companyOf(ctx)
      return eventStream(
        feed,
        {
          companyId,
          from: asked === undefined || mustResync ? edge : asked,
          mustResync,
          standing: standingOf(actor),
          goesOn: query.follow === 'true',
          leaveSeat: feed.seats.take(companyId, actor.kind === 'agent' ? actor.agentId : null),
        },
        options,
      )
    },
  }),
]
