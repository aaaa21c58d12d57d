import { z } from 'zod'
import { inCompany, ofAgent, ofMyself } from '../access/scopes.ts'
import { del, get, patch, post } from '../http/route.ts'
import { refuse } from '../kernel/errors.ts'
import { pageQuery } from '../kernel/page.ts'
import { configureAgent } from './configure.ts'
import { createAgent } from './create.ts'
import { createKey, listKeys, revokeKey } from './keys.ts'
import { agentDetail, listAgents, viewedBy } from './queries.ts'
import {
  agentDetail as agentDetailView,
  agentView,
  createAgentBody,
  keyBody,
  keyCreatedView,
  keyItem,
  okView,
  patchAgentBody,
} from './views.ts'

/** A shortname is looked up in this company; agents have theirs. */
const byName = z.object({ companyId: z.uuid().optional() })

export const agentRoutes = [
  get('/api/companies/:companyId/agents', {
    summary: 'List agents of a company',
    permission: 'agent.list',
    scope: inCompany(),
    query: z.object(pageQuery),
    returnsPageOf: agentView,
    refuses: ['not_found'],
    handle: ({ ctx, query }) => listAgents(ctx, query),
  }),
  post('/api/companies/:companyId/agents', {
    summary: 'Create an agent',
    permission: 'agent.create',
    scope: inCompany(),
    body: createAgentBody,
    status: 201,
    returns: agentView,
    refuses: ['not_found', 'company_not_active', 'reporting_cycle'],
    handle: ({ ctx, body }) => createAgent(ctx, body),
  }),
  get('/api/agents/me', {
    summary: 'Read the asking agent',
    permission: 'agent.me',
    scope: ofMyself,
    returns: agentDetailView,
    refuses: [],
    handle: ({ ctx, target }) => agentDetail(ctx, target),
  }),
  get('/api/agents/:id', {
    summary: 'Read one agent',
    permission: 'agent.read',
    scope: ofAgent(),
    query: byName,
    returns: agentDetailView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => agentDetail(ctx, target),
  }),
  patch('/api/agents/:id', {
    summary: 'Change an agent; of itself an agent may change only how it presents',
    permission: 'agent.update',
    scope: ofAgent(),
    query: byName,
    body: patchAgentBody,
    returns: agentView,
    refuses: [
      'not_found',
      'field_not_permitted',
      'approval_required',
      'name_taken',
      'reporting_cycle',
      'agent_terminated',
      'agent_pending',
      'illegal_transition',
    ],
    handle: async ({ ctx, target, body }) => viewedBy(ctx.actor, await configureAgent(ctx, target, body)),
  }),
  get('/api/agents/:id/keys', {
    summary: 'List API keys of an agent, without their tokens',
    permission: 'agent.keys',
    scope: ofAgent(),
    query: byName,
    returns: z.array(keyItem),
    refuses: ['not_found'],
    handle: ({ ctx, target }) => listKeys(ctx, target),
  }),
  post('/api/agents/:id/keys', {
    summary: 'Make an API key; its token is shown this once',
    permission: 'agent.keys',
    scope: ofAgent(),
    query: byName,
    body: keyBody,
    bodyOptional: true,
    status: 201,
    returns: keyCreatedView,
    refuses: ['not_found', 'agent_terminated', 'agent_pending'],
    handle: ({ ctx, target, body }) => createKey(ctx, target, body.name),
  }),
  del('/api/agents/:id/keys/:keyId', {
    summary: 'Revoke an API key',
    permission: 'agent.keys',
    scope: ofAgent(),
    query: byName,
    returns: okView,
    refuses: ['not_found'],
    handle: ({ ctx, target, params }) => {
      const keyId = z.uuid().safeParse(params['keyId'])
      return keyId.success ? revokeKey(ctx, target, keyId.data) : refuse('malformed_id')
    },
  }),
]
