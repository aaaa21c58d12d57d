import { z } from 'zod'
import { inCompany, ofAgent, ofSelf } from '../../auth/scopes.ts'
import { rowTag } from '../../http/entityTag.ts'
import { del, get, post } from '../../http/route.ts'
import type { Route } from '../../http/route.ts'
import { uuidParam } from '../../http/uuidParam.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { claudeLoginInstructions } from './claudeLogin.ts'
import { getConfiguration, listConfigurations } from './configurations.ts'
import { createAgent } from './create.ts'
import { createKey, listKeys, revokeKey } from './keys.ts'
import type { ConfigurationChecks } from './usableConfig.ts'
import { agentDetail, listAgents } from './queries.ts'
import { getRevision, listRevisions } from './revisions.ts'
import {
  agentDetail as agentDetailView,
  agentListQuery,
  agentView,
  claudeLoginView,
  configurationView,
  createAgentBody,
  createdAgentView,
  keyBody,
  keyCreatedView,
  keyItem,
  okView,
  revisionView,
  shortnameQuery,
} from './views.ts'

const routesWithoutChecks: readonly Route[] = [
  get('/api/companies/:companyId/agents', {
    summary: 'List agents of a company',
    permission: 'agent.list',
    scope: inCompany(),
    query: agentListQuery,
    returnsPageOf: agentView,
    refuses: ['not_found'],
    handle: ({ ctx, query }) => listAgents(ctx, query),
  }),
  get('/api/agents/me', {
    summary: 'Read the acting agent',
    permission: 'agent.me',
    scope: ofSelf,
    returns: agentDetailView,
    headers: rowTag,
    refuses: [],
    handle: ({ ctx, target }) => agentDetail(ctx, target),
  }),
  get('/api/agents/:id', {
    summary: 'Read one agent',
    permission: 'agent.read',
    scope: ofAgent(),
    query: shortnameQuery,
    returns: agentDetailView,
    headers: rowTag,
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
    summary: 'Create an API key; only this answer contains its token',
    permission: 'agent.keys',
    scope: ofAgent(),
    query: shortnameQuery,
    body: keyBody,
    bodyOptional: true,
    showsKey: true,
    status: 201,
    returns: keyCreatedView,
    refuses: ['not_found', 'key_not_shown_again', 'agent_terminated', 'agent_pending', 'agent_quarantined'],
    handle: ({ ctx, target, body }) => createKey(ctx, target, body),
  }),
  del('/api/agents/:id/keys/:keyId', {
    summary: 'Revoke an API key',
    permission: 'agent.keys',
    scope: ofAgent(),
    query: shortnameQuery,
    returns: okView,
    refuses: ['not_found'],
    handle: ({ ctx, target, params }) => revokeKey(ctx, target, uuidParam(params, 'keyId')),
  }),
  get('/api/companies/:companyId/agent-configurations', {
    summary: 'List configurations of agents, with secrets redacted',
    permission: 'agent.configuration',
    scope: inCompany(),
    query: z.object(pageQuery),
    returnsPageOf: configurationView,
    refuses: ['not_found'],
    handle: ({ ctx, query }) => listConfigurations(ctx, query),
  }),
  get('/api/agents/:id/configuration', {
    summary: 'Read the configuration of an agent, with secrets redacted',
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
    handle: ({ ctx, target, params }) => getRevision(ctx, target, uuidParam(params, 'revisionId')),
  }),
  post('/api/agents/:id/claude-login', {
    summary: 'Read how to log in to the program of an agent; this server starts no login',
    permission: 'agent.runtime',
    scope: ofAgent(),
    query: shortnameQuery,
    returns: claudeLoginView,
    refuses: ['not_found', 'bad_request'],
    handle: ({ ctx, target }) => claudeLoginInstructions(ctx, target),
  }),
]

/** The routes of agents. @param checks the knowledge of `test-environment` of a configuration */
export const agentRoutes = (checks: ConfigurationChecks): Route[] => [
  post('/api/companies/:companyId/agents', {
    summary: 'Create an agent',
    permission: 'agent.create',
    scope: inCompany(),
    body: createAgentBody,
    status: 201,
    returns: createdAgentView,
    refuses: ['not_found', 'payload_invalid', 'company_not_active', 'reporting_cycle'],
    handle: ({ ctx, body }) => createAgent(ctx, body, checks),
  }),
  ...routesWithoutChecks,
]
