import { z } from 'zod'
import { ofAgent, onInstance } from '../../auth/scopes.ts'
import { get, post } from '../../http/route.ts'
import type { Route } from '../../http/route.ts'
import { invokableRefusals, shortnameQuery } from '../../org/agents/index.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { requestWakeup } from './requestWakeup.ts'
import { listSchedulerHeartbeats } from './schedulerHeartbeats.ts'
import { schedulerHeartbeatView, wakeupBody, wokenView } from './views.ts'

const defaultWakeup = wakeupBody.parse({})

export const wakeupRoutes: Route[] = [
  post('/api/agents/:id/heartbeat/invoke', {
    summary: 'Run an agent now, for no issue in particular',
    permission: 'agent.wake',
    scope: ofAgent(),
    query: shortnameQuery,
    body: z.object({}),
    bodyOptional: true,
    status: 202,
    returns: wokenView,
    refuses: ['not_found', ...invokableRefusals],
    handle: ({ ctx, target }) => requestWakeup(ctx, target, defaultWakeup),
  }),
  post('/api/agents/:id/wakeup', {
    summary: 'Wake an agent, for an issue or a task if the payload names one',
    permission: 'agent.wake',
    scope: ofAgent(),
    query: shortnameQuery,
    body: wakeupBody,
    bodyOptional: true,
    keyInBody: true,
    status: 202,
    returns: wokenView,
    refuses: ['not_found', ...invokableRefusals],
    handle: ({ ctx, target, body }) => requestWakeup(ctx, target, body),
  }),
  get('/api/instance/scheduler-heartbeats', {
    summary: 'List the timers of all agents',
    permission: 'instance.heartbeats',
    scope: onInstance,
    query: z.object(pageQuery),
    returnsPageOf: schedulerHeartbeatView,
    refuses: [],
    handle: ({ ctx, query }) => listSchedulerHeartbeats(ctx, query),
  }),
]
