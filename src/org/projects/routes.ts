import { z } from 'zod'
import { inCompany, ofProject } from '../../auth/scopes.ts'
import { rowTag } from '../../http/entityTag.ts'
import { del, get, patch, post } from '../../http/route.ts'
import { uuidParam } from '../../http/uuidParam.ts'
import { shortnameQuery } from '../agents/index.ts'
import { listProjects, projectById } from './queries.ts'
import {
  createProjectBody,
  createWorkspaceBody,
  patchProjectBody,
  patchWorkspaceBody,
  projectListQuery,
  projectView,
  workspaceView,
} from './views.ts'
import { createWorkspace, deleteWorkspace, listWorkspaces, refuseRuntimeService, updateWorkspace } from './workspaces.ts'
import { createProject, updateProject } from './write.ts'

export const projectRoutes = [
  get('/api/companies/:companyId/projects', {
    summary: 'List projects of a company',
    permission: 'project.read',
    scope: inCompany(),
    query: projectListQuery,
    returnsPageOf: projectView,
    refuses: ['not_found'],
    handle: ({ ctx, query }) => listProjects(ctx, query),
  }),
  post('/api/companies/:companyId/projects', {
    summary: 'Create a project',
    permission: 'project.write',
    scope: inCompany(),
    body: createProjectBody,
    status: 201,
    returns: projectView,
    refuses: ['not_found', 'payload_invalid', 'unknown_reference', 'company_not_active', 'approval_required'],
    handle: ({ ctx, body }) => createProject(ctx, body),
  }),
  get('/api/projects/:id', {
    summary: 'Read one project',
    permission: 'project.read',
    scope: ofProject(),
    query: shortnameQuery,
    returns: projectView,
    headers: rowTag,
    refuses: ['not_found', 'shortname_ambiguous'],
    handle: ({ ctx, target }) => projectById(ctx.store.read, ctx, target),
  }),
  patch('/api/projects/:id', {
    summary: 'Change a project',
    permission: 'project.write',
    scope: ofProject(),
    query: shortnameQuery,
    body: patchProjectBody,
    returns: projectView,
    headers: rowTag,
    refuses: ['not_found', 'payload_invalid', 'unknown_reference', 'approval_required', 'precondition_failed'],
    handle: ({ ctx, target, body, preconditions }) => updateProject(ctx, target, body, preconditions.ifMatch),
  }),
  get('/api/projects/:id/workspaces', {
    summary: 'List the workspaces of a project, the primary one first',
    permission: 'project.read',
    scope: ofProject(),
    query: shortnameQuery,
    returns: z.array(workspaceView),
    refuses: ['not_found'],
    handle: ({ ctx, target }) => listWorkspaces(ctx, target),
  }),
  post('/api/projects/:id/workspaces', {
    summary: 'Add a workspace to a project',
    permission: 'project.write',
    scope: ofProject(),
    query: shortnameQuery,
    body: createWorkspaceBody,
    status: 201,
    returns: workspaceView,
    refuses: ['not_found', 'payload_invalid', 'approval_required', 'unprocessable'],
    handle: ({ ctx, target, body }) => createWorkspace(ctx, target, body),
  }),
  patch('/api/projects/:id/workspaces/:workspaceId', {
    summary: 'Change a workspace',
    permission: 'project.write',
    scope: ofProject(),
    query: shortnameQuery,
    body: patchWorkspaceBody,
    returns: workspaceView,
    refuses: ['not_found', 'payload_invalid', 'approval_required', 'unprocessable'],
    handle: ({ ctx, target, params, body }) => updateWorkspace(ctx, target, uuidParam(params, 'workspaceId'), body),
  }),
  del('/api/projects/:id/workspaces/:workspaceId', {
    summary: 'Remove a workspace',
    permission: 'project.delete',
    scope: ofProject(),
    query: shortnameQuery,
    returns: workspaceView,
    refuses: ['not_found'],
    handle: ({ ctx, target, params }) => deleteWorkspace(ctx, target, uuidParam(params, 'workspaceId')),
  }),
  post('/api/projects/:id/workspaces/:workspaceId/runtime-services/:action', {
    summary: 'Refuse to run services in a workspace: this server runs none',
    permission: 'project.write',
    scope: ofProject(),
    query: shortnameQuery,
    returns: z.never(),
    refuses: ['not_found', 'unprocessable'],
    handle: ({ ctx, target, params }) => refuseRuntimeService(ctx, target, uuidParam(params, 'workspaceId'), params['action'] ?? ''),
  }),
]
