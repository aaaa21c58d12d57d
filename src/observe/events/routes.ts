import { inCompany, ofRun } from '../../auth/scopes.ts'
import { presentLogPiece, readLogPiece, runLogQuery, runLogView } from '../../engine/runs/index.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { companyOf } from '../../platform/db/context.ts'
import { get } from '../../http/route.ts'
import type { Route } from '../../http/route.ts'
import type { Feed } from './feed.ts'
import { followLog } from './followLog.ts'
import { isAfter, parseCursor } from './position.ts'
import { eventStream } from './stream.ts'
import type { StreamOptions } from './stream.ts'
import { eventView, streamQuery } from './views.ts'

/** The routes that can be followed: the events of a company, and the log of a run. */
export const eventRoutes = (feed: Feed, options: StreamOptions = {}): Route[] => [
  get('/api/companies/:companyId/events/stream', {
    summary: 'Follow what happens in a company, in commit order, as server-sent events',
    permission: 'event.follow',
    scope: inCompany(),
    query: streamQuery,
    streams: 'events',
    returns: eventView,
    refuses: ['not_found', 'malformed_cursor', 'too_many_streams'],
    handle: async ({ ctx, query, lastEventId }) => {
      // `Last-Event-ID` wins: the client has read further since it opened this URL for the first time.
      const cursor = lastEventId ?? query.after
      const requested = cursor === undefined ? undefined : parseCursor(cursor)
      const { lowWatermark, highWatermark } = await feed.readWatermarks()
      const mustResync = requested !== undefined && isAfter(requested, highWatermark)
      const { actor } = ctx
      const companyId = companyOf(ctx)
      return eventStream(
        feed,
        {
          companyId,
          from: requested === undefined || mustResync ? lowWatermark : requested,
          mustResync,
          actor,
          keepsOpen: query.follow === 'true',
          releaseConnection: feed.connectionLimits.acquire(companyId, actor.kind === 'agent' ? actor.agentId : null),
        },
        options,
      )
    },
  }),
  get('/api/heartbeat-runs/:runId/log', {
    summary: 'Read a piece of the log of a run, or follow it',
    permission: 'run.read',
    scope: ofRun(),
    query: runLogQuery,
    follows: true,
    emptyAs204: true,
    returns: runLogView,
    refuses: ['not_found', 'malformed_cursor', 'too_many_streams'],
    handle: async ({ ctx, target, query, lastEventId }) => {
      if (query.follow === 'true') return await followLog(feed, { ctx, runId: target, offset: query.offset, lastEventId }, options)
      const piece = await readLogPiece(ctx, target, query)
      return piece === null ? refuse('not_found', { message: 'Run log not found' }) : presentLogPiece(target, piece)
    },
  }),
]
