import { z } from 'zod'
import { inCompany } from '../../auth/scopes.ts'
import { get, patch } from '../../http/route.ts'
import type { Route } from '../../http/route.ts'
import { uuidParam } from '../../http/uuidParam.ts'
import { companyOf } from '../../platform/db/context.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { setMemberPermissions, updateMember } from './change.ts'
import { listMembers } from './queries.ts'
import { memberPermissionsBody, memberView, updateMemberBody } from './views.ts'

/** Routes about the members of a company. */
export const memberRoutes: Route[] = [
  get('/api/companies/:companyId/members', {
    summary: 'List the members of a company: people and agents',
    permission: 'member.read',
    scope: inCompany(),
    query: z.object(pageQuery),
    returnsPageOf: memberView,
    refuses: ['not_found'],
    handle: ({ ctx, query }) => listMembers(ctx.store.read, companyOf(ctx), query),
  }),
  patch('/api/companies/:companyId/members/:memberId', {
    summary: 'Change the role or the status of a member',
    permission: 'member.write',
    scope: inCompany(),
    body: updateMemberBody,
    returns: memberView,
    refuses: ['not_found', 'above_own_role', 'last_owner'],
    handle: ({ ctx, params, body }) => updateMember(ctx, uuidParam(params, 'memberId'), body),
  }),
  patch('/api/companies/:companyId/members/:memberId/permissions', {
    summary: 'Set what a member is granted beyond its role',
    permission: 'member.write',
    scope: inCompany(),
    body: memberPermissionsBody,
    returns: memberView,
    refuses: ['not_found', 'above_own_role'],
    handle: ({ ctx, params, body }) => setMemberPermissions(ctx, uuidParam(params, 'memberId'), body),
  }),
]
