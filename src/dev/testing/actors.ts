import type { AgentActor } from '../../platform/kernel/actor.ts'

/** An agent as the routes see it, by its key and without a grant, unless `fields` says otherwise. */
export const agentActor = (agentId: string, companyId: string, fields: Partial<AgentActor> = {}): AgentActor => ({
  kind: 'agent',
  agentId,
  companyId,
  role: 'general',
  canCreateAgents: false,
  grants: [],
  via: 'key',
  keyId: null,
  scopes: null,
  runId: null,
  ...fields,
})
