import { z } from 'zod'
import { ofAgent, onInstance } from '../access/scopes.ts'
import { get, post } from '../http/route.ts'
import type { Route } from '../http/route.ts'
import { pageQuery } from '../kernel/page.ts'
import { wakeup } from './invoke.ts'
import { listSchedulerHeartbeats } from './schedulerHeartbeats.ts'
import { schedulerHeartbeatView, wakeupBody, wokenView } from './wakeViews.ts'

const byName = z.object({ companyId: z.uuid().optional() })
const unwakeable = ['agent_not_invokable', 'agent_over_budget', 'company_not_active'] as const
const plain = wakeupBody.parse({})

export const wakeRoutes: Route[] = [
  post('/api/agents/:id/heartbeat/invoke', {
    summary: 'Run an agent now, for whatever it finds to do',
    permission: 'agent.wake',
    scope: ofAgent(),
    query: byName,
    body: z.object({}),
    bodyOptional: true,
    status: 202,
    returns: wokenView,
    refuses: ['not_found', ...unwakeable],
    handle: ({ ctx, target }) => wakeup(ctx, target, plain),
  }),
  post('/api/agents/:id/wakeup', {
    summary: 'Wake an agent, for an issue or a task if the payload names one',
    permission: 'agent.wake',
    scope: ofAgent(),
    query: byName,
    body: wakeupBody,
    bodyOptional: true,
    keyInBody: true,
    status: 202,
    returns: wokenView,
    refuses: ['not_found', ...unwakeable],
    handle: ({ ctx, target, body }) => wakeup(ctx, target, body),
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
