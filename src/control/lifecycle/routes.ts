import { z } from 'zod'
import { inCompany, ofAgent, ofGoal, ofLabel, ofProject } from '../../auth/scopes.ts'
import { del, post } from '../../http/route.ts'
import { reasonBody } from '../../http/reasonBody.ts'
import { agentView, okView, shortnameQuery } from '../../org/agents/index.ts'
import { companyView } from '../../org/companies/index.ts'
import { goalView } from '../../org/goals/index.ts'
import { labelView } from '../../org/labels/index.ts'
import { projectView } from '../../org/projects/index.ts'
import { pauseAgent, resumeAgent, terminateAgent } from './agentLifecycle.ts'
import { archiveCompany } from './companyLifecycle.ts'
import { deleteAgent } from './deleteAgent.ts'
import { deleteCompany } from './deleteCompany.ts'
import { quarantineAgent, releaseFromQuarantine } from './quarantine.ts'
import { deleteGoal, deleteLabel, deleteProject } from './deleteGoalProjectLabel.ts'

export const lifecycleRoutes = [
  post('/api/agents/:id/pause', {
    summary: 'Pause an agent and end its runs',
    permission: 'agent.lifecycle',
    scope: ofAgent(),
    query: shortnameQuery,
    body: reasonBody,
    bodyOptional: true,
    returns: agentView,
    refuses: ['not_found', 'agent_terminated', 'agent_pending', 'illegal_transition'],
    handle: ({ ctx, target, body }) => pauseAgent(ctx, target, body.reason),
  }),
  post('/api/agents/:id/resume', {
    summary: 'Resume a paused agent',
    permission: 'agent.lifecycle',
    scope: ofAgent(),
    query: shortnameQuery,
    body: reasonBody,
    bodyOptional: true,
    returns: agentView,
    refuses: ['not_found', 'agent_terminated', 'agent_pending', 'agent_quarantined', 'illegal_transition'],
    handle: ({ ctx, target, body }) => resumeAgent(ctx, target, body.reason),
  }),
  post('/api/agents/:id/quarantine', {
    summary: 'Quarantine an agent: end its runs, keys, wakes and streams at once',
    permission: 'agent.lifecycle',
    scope: ofAgent(),
    query: shortnameQuery,
    body: z.object({ reason: z.string().trim().min(1).max(1000) }),
    returns: agentView,
    refuses: ['not_found', 'agent_terminated', 'agent_pending', 'illegal_transition'],
    handle: ({ ctx, target, body }) => quarantineAgent(ctx, target, body.reason),
  }),
  del('/api/agents/:id/quarantine', {
    summary: 'Release an agent from quarantine; it stays paused and without keys',
    permission: 'agent.lifecycle',
    scope: ofAgent(),
    query: shortnameQuery,
    returns: agentView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => releaseFromQuarantine(ctx, target),
  }),
  post('/api/agents/:id/terminate', {
    summary: 'Terminate an agent permanently: its runs, its keys, its status',
    permission: 'agent.lifecycle',
    scope: ofAgent(),
    query: shortnameQuery,
    body: reasonBody,
    bodyOptional: true,
    returns: agentView,
    refuses: ['not_found', 'illegal_transition'],
    handle: ({ ctx, target, body }) => terminateAgent(ctx, target, body.reason),
  }),
  del('/api/agents/:id', {
    summary: 'Delete an agent and everything that depends on it; its audit stays',
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
    body: reasonBody,
    bodyOptional: true,
    returns: companyView,
    refuses: ['not_found'],
    handle: ({ ctx, body }) => archiveCompany(ctx, body.reason),
  }),
  del('/api/companies/:companyId', {
    summary: 'Delete a company and everything in it; its audit stays',
    permission: 'company.delete',
    scope: inCompany(),
    returns: okView,
    refuses: ['not_found'],
    handle: ({ ctx }) => deleteCompany(ctx),
  }),
  del('/api/goals/:id', {
    summary: 'Delete a goal; its issues, projects and sub-goals stay',
    permission: 'goal.delete',
    scope: ofGoal(),
    returns: goalView,
    refuses: ['not_found', 'checked_out_by_other'],
    handle: ({ ctx, target }) => deleteGoal(ctx, target),
  }),
  del('/api/projects/:id', {
    summary: 'Delete a project and its workspaces; its issues stay',
    permission: 'project.delete',
    scope: ofProject(),
    query: shortnameQuery,
    returns: projectView,
    refuses: ['not_found', 'checked_out_by_other', 'field_not_permitted'],
    handle: ({ ctx, target }) => deleteProject(ctx, target),
  }),
  del('/api/labels/:labelId', {
    summary: 'Delete a label and remove it from every issue',
    permission: 'label.delete',
    scope: ofLabel(),
    returns: labelView,
    refuses: ['not_found', 'checked_out_by_other'],
    handle: ({ ctx, target }) => deleteLabel(ctx, target),
  }),
]
