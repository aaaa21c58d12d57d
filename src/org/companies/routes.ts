import { z } from 'zod'
import { inCompany, onInstance } from '../../auth/scopes.ts'
import { companyOf } from '../../platform/db/context.ts'
import { rowTag } from '../../http/entityTag.ts'
import { get, patch, post } from '../../http/route.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { updateBranding } from './branding.ts'
import { createCompany } from './create.ts'
import { companyById, companyStats, listCompanies } from './queries.ts'
import { updateCompany } from './update.ts'
import { brandingBody, companyView, createCompanyBody, patchCompanyBody, statsView } from './views.ts'

const refuseMissingCompanyId = (): never =>
  refuse('bad_request', { message: 'Missing companyId in path. Use /api/companies/{companyId}/issues.' })

export const companyRoutes = [
  get('/api/companies', {
    summary: 'List companies',
    permission: 'company.list',
    scope: onInstance,
    query: z.object(pageQuery),
    returnsPageOf: companyView,
    refuses: [],
    handle: ({ ctx, query }) => listCompanies(ctx, query),
  }),
  post('/api/companies', {
    summary: 'Create a company',
    permission: 'company.create',
    scope: onInstance,
    body: createCompanyBody,
    status: 201,
    returns: companyView,
    refuses: [],
    handle: ({ ctx, body }) => createCompany(ctx, body),
  }),
  get('/api/companies/issues', {
    summary: 'Refuse a list of issues without a company in its path',
    permission: 'issue.list',
    scope: onInstance,
    returns: z.never(),
    refuses: ['bad_request'],
    handle: refuseMissingCompanyId,
  }),
  get('/api/issues', {
    summary: 'Refuse a list of issues without a company in its path',
    permission: 'issue.list',
    scope: onInstance,
    returns: z.never(),
    refuses: ['bad_request'],
    handle: refuseMissingCompanyId,
  }),
  get('/api/companies/stats', {
    summary: 'Count agents and issues of every company',
    permission: 'company.list',
    scope: onInstance,
    returns: statsView,
    refuses: [],
    handle: ({ ctx }) => companyStats(ctx),
  }),
  patch('/api/companies/:companyId/branding', {
    summary: 'Change the appearance of a company',
    permission: 'company.update',
    scope: inCompany(),
    body: brandingBody,
    returns: companyView,
    headers: rowTag,
    refuses: ['not_found', 'other_company', 'precondition_failed'],
    handle: ({ ctx, body, preconditions }) => updateBranding(ctx, body, preconditions.ifMatch),
  }),
  get('/api/companies/:companyId', {
    summary: 'Read one company',
    permission: 'company.read',
    scope: inCompany(),
    returns: companyView,
    headers: rowTag,
    refuses: ['not_found'],
    handle: ({ ctx }) => companyById(ctx.store.read, companyOf(ctx)),
  }),
  patch('/api/companies/:companyId', {
    summary: 'Change a company; a CEO may change its branding only',
    permission: 'company.update',
    scope: inCompany(),
    body: patchCompanyBody,
    returns: companyView,
    headers: rowTag,
    refuses: ['not_found', 'other_company', 'field_not_permitted', 'illegal_transition', 'precondition_failed'],
    handle: ({ ctx, body, preconditions }) => updateCompany(ctx, body, preconditions.ifMatch),
  }),
]
