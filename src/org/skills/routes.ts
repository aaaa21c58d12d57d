import { inCompany, ofAgent } from '../../auth/scopes.ts'
import { rowTag } from '../../http/entityTag.ts'
import { del, get, post } from '../../http/route.ts'
import type { Route } from '../../http/route.ts'
import { uuidParam } from '../../http/uuidParam.ts'
import { shortnameQuery } from '../agents/index.ts'
import { readSkillsOfAgent } from './agentSkills.ts'
import { listSkills, skillDetail, skillFile } from './queries.ts'
import { scanProjects } from './scanProjects.ts'
import { deleteSkill, installUpdate, updateStatus } from './updates.ts'
import {
  scanProjectsBody,
  scanProjectsView,
  skillDetailView,
  skillFileQuery,
  skillFileView,
  skillListQuery,
  skillsOfAgentView,
  skillView,
  updateStatusView,
} from './views.ts'

const companySkillRoutes = (folders: readonly string[]): Route[] => [
  get('/api/companies/:companyId/skills', {
    summary: 'List skills of a company',
    permission: 'skill.read',
    scope: inCompany(),
    query: skillListQuery,
    returnsPageOf: skillView,
    refuses: ['not_found'],
    handle: ({ ctx, query }) => listSkills(ctx, query),
  }),
  post('/api/companies/:companyId/skills/scan-projects', {
    summary: 'Import the skills that the folders of projects have',
    permission: 'skill.import',
    scope: inCompany(),
    body: scanProjectsBody,
    bodyOptional: true,
    returns: scanProjectsView,
    refuses: ['not_found', 'company_not_active', 'unprocessable'],
    handle: ({ ctx, body }) => scanProjects(ctx, body, folders),
  }),
  get('/api/companies/:companyId/skills/:skillId', {
    summary: 'Read one skill with its text',
    permission: 'skill.read',
    scope: inCompany(),
    returns: skillDetailView,
    headers: rowTag,
    refuses: ['not_found'],
    handle: ({ ctx, params }) => skillDetail(ctx, uuidParam(params, 'skillId')),
  }),
  get('/api/companies/:companyId/skills/:skillId/files', {
    summary: 'Read one file of a skill',
    permission: 'skill.read',
    scope: inCompany(),
    query: skillFileQuery,
    returns: skillFileView,
    refuses: ['not_found', 'unprocessable'],
    handle: ({ ctx, params, query }) => skillFile(ctx, uuidParam(params, 'skillId'), query.path),
  }),
]

const skillUpdateRoutes = (folders: readonly string[]): Route[] => [
  get('/api/companies/:companyId/skills/:skillId/update-status', {
    summary: 'Read whether the folder of a skill has another text',
    permission: 'skill.manage',
    scope: inCompany(),
    returns: updateStatusView,
    refuses: ['not_found'],
    handle: ({ ctx, params }) => updateStatus(ctx, uuidParam(params, 'skillId'), folders),
  }),
  post('/api/companies/:companyId/skills/:skillId/install-update', {
    summary: 'Store the text that the folder of a skill has now',
    permission: 'skill.import',
    scope: inCompany(),
    returns: skillView,
    refuses: ['not_found', 'company_not_active', 'approval_required', 'unprocessable'],
    handle: ({ ctx, params }) => installUpdate(ctx, uuidParam(params, 'skillId'), folders),
  }),
  del('/api/companies/:companyId/skills/:skillId', {
    summary: 'Delete a skill that no agent has',
    permission: 'skill.manage',
    scope: inCompany(),
    returns: skillView,
    refuses: ['not_found', 'unprocessable'],
    handle: ({ ctx, params }) => deleteSkill(ctx, uuidParam(params, 'skillId')),
  }),
  get('/api/agents/:id/skills', {
    summary: 'List the skills of an agent, and those that it could have',
    permission: 'skill.ofAgent',
    scope: ofAgent(),
    query: shortnameQuery,
    returns: skillsOfAgentView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => readSkillsOfAgent(ctx, target),
  }),
]

/** The routes of the skills of a company. @param folders of this host that the operator allows for skills */
export const skillRoutes = (folders: readonly string[]): Route[] => [...companySkillRoutes(folders), ...skillUpdateRoutes(folders)]
