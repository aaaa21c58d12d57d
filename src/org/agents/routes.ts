import { z } from 'zod'
import { inCompany, ofAgent, ofSelf } from '../../auth/scopes.ts'
import { companyOf } from '../../platform/db/context.ts'
import { del, get, patch, post } from '../../http/route.ts'
import type { Route } from '../../http/route.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { claudeLoginInstructions } from './claudeLogin.ts'
import { getConfiguration, listConfigurations } from './configurations.ts'
import { createAgent } from './create.ts'
import { createKey, listKeys, revokeKey } from './keys.ts'
import { testEnvironment } from './environment.ts'
import type { Preflight } from './environment.ts'
import { setPermissions } from './permissions.ts'
import { agentDetail, requireAgent, listAgents } from './queries.ts'
import { getRevision, listRevisions } from './revisions.ts'
import {
  agentDetail as agentDetailView,
  agentView,
  claudeLoginView,
  configurationView,
  createAgentBody,
  environmentBody,
  environmentView,
  keyBody,
  keyCreatedView,
  keyItem,
  okView,
  permissionsBody,
  revisionView,
  shortnameQuery,
} from './views.ts'

const parseUuid = (value: string | undefined): string => {
  const id = z.uuid().safeParse(value)
  return id.success ? id.data.toLowerCase() : refuse('malformed_id')
}

export const agentRoutes = (preflight: Preflight): Route[] => [
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
    scope: ofSelf,
    returns: agentDetailView,
    refuses: [],
    handle: ({ ctx, target }) => agentDetail(ctx, target),
  }),
  get('/api/agents/:id', {
    summary: 'Read one agent',
    permission: 'agent.read',
    scope: ofAgent(),
    query: shortnameQuery,
    returns: agentDetailView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => agentDetail(ctx, target),
  }),
  get('/api/agents/:id/keys', {
    summary: 'List API keys of an agent, without their tokens',
    permission: 'agent.keys',
    scope: ofAgent(),
    query: shortnameQuery,
    returns: z.array(keyItem),
    refuses: ['not_found'],
    handle: ({ ctx, target }) => listKeys(ctx, target),
  }),
  post('/api/agents/:id/keys', {
    summary: 'Make an API key; its token is shown this once',
    permission: 'agent.keys',
    scope: ofAgent(),
    query: shortnameQuery,
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
    query: shortnameQuery,
    returns: okView,
    refuses: ['not_found'],
    handle: ({ ctx, target, params }) => revokeKey(ctx, target, parseUuid(params['keyId'])),
  }),
  patch('/api/agents/:id/permissions', {
    summary: 'Say what an agent may do beyond its role',
    permission: 'agent.permissions',
    scope: ofAgent(),
    query: shortnameQuery,
    body: permissionsBody,
    returns: agentDetailView,
    refuses: ['not_found', 'agent_terminated', 'agent_pending'],
    handle: ({ ctx, target, body }) => setPermissions(ctx, target, body),
  }),
  get('/api/companies/:companyId/agent-configurations', {
    summary: 'List configurations of agents, secrets covered',
    permission: 'agent.configuration',
    scope: inCompany(),
    query: z.object(pageQuery),
    returnsPageOf: configurationView,
    refuses: ['not_found'],
    handle: ({ ctx, query }) => listConfigurations(ctx, query),
  }),
  get('/api/agents/:id/configuration', {
    summary: 'Read the configuration of an agent, secrets covered',
    permission: 'agent.configuration',
    scope: ofAgent(),
    query: shortnameQuery,
    returns: configurationView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => getConfiguration(ctx, target),
  }),
  get('/api/agents/:id/config-revisions', {
    summary: 'List changes of the configuration of an agent, newest first',
    permission: 'agent.configuration',
    scope: ofAgent(),
    query: z.object({ ...shortnameQuery.shape, ...pageQuery }),
    returnsPageOf: revisionView,
    refuses: ['not_found'],
    handle: ({ ctx, target, query }) => listRevisions(ctx, target, query),
  }),
  get('/api/agents/:id/config-revisions/:revisionId', {
    summary: 'Read one change of the configuration of an agent',
    permission: 'agent.configuration',
    scope: ofAgent(),
    query: shortnameQuery,
    returns: revisionView,
    refuses: ['not_found'],
    handle: ({ ctx, target, params }) => getRevision(ctx, target, parseUuid(params['revisionId'])),
  }),
  get('/api/agents/:id/task-sessions', {
    summary: 'List sessions kept per task: none, sessions belong to runs here',
    permission: 'agent.runtime',
    scope: ofAgent(),
    query: shortnameQuery,
    returns: z.array(z.never()),
    refuses: ['not_found'],
    handle: async ({ ctx, target }) => {
      await requireAgent(ctx.store.read, companyOf(ctx), target)
      return []
    },
  }),
  post('/api/agents/:id/claude-login', {
    summary: 'Say how the program of an agent is logged in: this server starts no login',
    permission: 'agent.runtime',
    scope: ofAgent(),
    query: shortnameQuery,
    returns: claudeLoginView,
    refuses: ['not_found', 'bad_request'],
    handle: ({ ctx, target }) => claudeLoginInstructions(ctx, target),
  }),
  get('/api/companies/:companyId/adapters/:type/models', {
    summary: 'List models that an adapter offers: none, no adapter of this server asks for them',
    permission: 'adapter.read',
    scope: inCompany(),
    returns: z.array(z.strictObject({ id: z.string(), label: z.string() })),
    refuses: ['not_found'],
    handle: () => Promise.resolve([]),
  }),
  get('/api/companies/:companyId/adapters/:type/detect-model', {
    summary: 'Read the model that an adapter would use by itself: null, no adapter of this server looks for it',
    permission: 'adapter.read',
    scope: inCompany(),
    returns: z.null(),
    refuses: ['not_found'],
    handle: () => Promise.resolve(null),
  }),
  post('/api/companies/:companyId/adapters/:type/test-environment', {
    summary: 'Tell what would keep runs of an agent from starting; nothing is executed',
    permission: 'adapter.test',
    scope: inCompany(),
    body: environmentBody,
    bodyOptional: true,
    returns: environmentView,
    refuses: ['not_found'],
    handle: ({ ctx, params, body }) => testEnvironment(ctx, preflight, params['type'] ?? '', body.adapterConfig),
  }),
]
