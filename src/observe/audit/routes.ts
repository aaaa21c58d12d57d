import { inCompany, onInstance } from '../../auth/scopes.ts'
import { companyOf } from '../../platform/db/context.ts'
import { get, post } from '../../http/route.ts'
import type { Route } from '../../http/route.ts'
import { NO_COMPANY } from '../../platform/kernel/event.ts'
import { acceptWitness } from './acceptWitness.ts'
import { exportChain } from './export.ts'
import type { HeadFile } from './heads.ts'
import type { Log } from '../../platform/kernel/log.ts'
import { verifyChain } from './verify.ts'
import { acceptanceView, acceptBody, exportLine, exportQuery, verificationView, verifyQuery } from './views.ts'

/** Routes that verify and export the audit chain of a company and that of the instance, and accept the state of the record. */
export const auditRoutes = (heads: HeadFile, log: Log): Route[] => [
  get('/api/companies/:companyId/activity/verify', {
    summary: "Recompute the chain over a company's audit rows and name the first broken one",
    permission: 'activity.verify',
    scope: inCompany(),
    query: verifyQuery,
    returns: verificationView,
    refuses: ['not_found'],
    handle: ({ ctx, query }) => verifyChain(ctx.store.read, companyOf(ctx), heads, query),
  }),
  post('/api/instance/audit/accept-witness', {
    summary: 'Accept the record as it is after a restore, with a reason',
    permission: 'activity.accept',
    scope: onInstance,
    body: acceptBody,
    returns: acceptanceView,
    refuses: ['unavailable'],
    handle: ({ ctx, body }) => acceptWitness(ctx, heads, body.reason, log),
  }),
  get('/api/companies/:companyId/activity/export', {
    summary: 'Stream the sealed audit rows of a company with their hashes and the signed head',
    permission: 'activity.export',
    scope: inCompany(),
    query: exportQuery,
    streams: 'lines',
    returns: exportLine,
    refuses: ['not_found'],
    handle: async ({ ctx, query }) => ({
      contentType: 'application/x-ndjson; charset=utf-8',
      chunks: exportChain(ctx.store.read, companyOf(ctx), heads, query.from),
    }),
  }),
  get('/api/instance/activity/verify', {
    summary: 'Recompute the chain over the audit rows of the instance and name the first broken one',
    permission: 'instance.activity',
    scope: onInstance,
    query: verifyQuery,
    returns: verificationView,
    refuses: [],
    handle: ({ ctx, query }) => verifyChain(ctx.store.read, NO_COMPANY, heads, query),
  }),
  get('/api/instance/activity/export', {
    summary: 'Stream the sealed audit rows of the instance with their hashes and the signed head',
    permission: 'instance.activity',
    scope: onInstance,
    query: exportQuery,
    streams: 'lines',
    returns: exportLine,
    refuses: [],
    handle: async ({ ctx, query }) => ({
      contentType: 'application/x-ndjson; charset=utf-8',
      chunks: exportChain(ctx.store.read, NO_COMPANY, heads, query.from),
    }),
  }),
]
