import { z } from 'zod'
import { inCompany, ofAgent } from '../../auth/scopes.ts'
import { del, post } from '../../http/route.ts'
import { agentView, okView, shortnameQuery } from '../../org/agents/index.ts'
import { companyView } from '../../org/companies/index.ts'
import { pauseAgent, resumeAgent, terminateAgent } from './agentLifecycle.ts'
import { archiveCompany, deleteCompany } from './companyLifecycle.ts'
import { deleteAgent } from './deleteAgent.ts'

export const lifecycleRoutes = [
  post('/api/agents/:id/pause', {
    summary: 'Pause an agent and end its runs',
    permission: 'agent.stand',
    scope: ofAgent(),
    query: shortnameQuery,
    body: z.object({}),
    bodyOptional: true,
    returns: agentView,
    refuses: ['not_found', 'agent_terminated', 'agent_pending', 'illegal_transition'],
    handle: ({ ctx, target }) => pauseAgent(ctx, target),
  }),
  post('/api/agents/:id/resume', {
    summary: 'Take an agent out of its pause',
    permission: 'agent.stand',
    scope: ofAgent(),
    query: shortnameQuery,
    body: z.object({}),
    bodyOptional: true,
    returns: agentView,
    refuses: ['not_found', 'agent_terminated', 'agent_pending', 'illegal_transition'],
    handle: ({ ctx, target }) => resumeAgent(ctx, target),
  }),
  post('/api/agents/:id/terminate', {
    summary: 'End an agent for good: its runs, its keys, its status',
    permission: 'agent.stand',
    scope: ofAgent(),
    query: shortnameQuery,
    body: z.object({}),
    bodyOptional: true,
    returns: agentView,
    refuses: ['not_found', 'illegal_transition'],
    handle: ({ ctx, target }) => terminateAgent(ctx, target),
  }),
  del('/api/agents/:id', {
    summary: 'Delete an agent and what hangs on it; its audit stays',
    permission: 'agent.delete',
    scope: ofAgent(),
    query: shortnameQuery,
    returns: okView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => deleteAgent(ctx, target),
  }),
  post('/api/companies/:companyId/archive', {
    summary: 'Archive a company and end its runs',
    permission: 'company.archive',
    scope: inCompany(),
    body: z.object({}),
    bodyOptional: true,
    returns: companyView,
    refuses: ['not_found'],
    handle: ({ ctx }) => archiveCompany(ctx),
  }),
  del('/api/companies/:companyId', {
    summary: 'Delete a company and what is in it; its audit stays',
    permission: 'company.delete',
    scope: inCompany(),
    returns: okView,
    refuses: ['not_found'],
    handle: ({ ctx }) => deleteCompany(ctx),
  }),
]
