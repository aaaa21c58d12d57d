import { z } from 'zod'
import { ofExistingIssue, ofIssue, ofWorkProduct } from '../../auth/scopes.ts'
import { del, get, patch, post } from '../../http/route.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { gateRefusals } from '../../engine/holds/index.ts'
import { listWorkProducts } from './queries.ts'
import { createWorkProductBody, patchWorkProductBody, workProductView } from './views.ts'
import { createWorkProduct, deleteWorkProduct, updateWorkProduct } from './write.ts'

export const workProductRoutes = [
  get('/api/issues/:id/work-products', {
    summary: 'List work products of an issue, the primary one first, then the newest',
    permission: 'issue.workProducts.read',
    scope: ofExistingIssue(),
    query: z.object(pageQuery),
    returnsPageOf: workProductView,
    refuses: ['not_found'],
    handle: ({ ctx, target, query }) => listWorkProducts(ctx, target, query),
  }),
  post('/api/issues/:id/work-products', {
    summary: 'Add a work product to an issue',
    permission: 'issue.workProducts.write',
    scope: ofIssue(),
    body: createWorkProductBody,
    status: 201,
    returns: workProductView,
    refuses: ['not_found', ...gateRefusals, 'unknown_reference', 'unprocessable'],
    handle: ({ ctx, target, body, preconditions }) => createWorkProduct(ctx, target, body, preconditions),
  }),
  patch('/api/work-products/:id', {
    summary: 'Change a work product',
    permission: 'issue.workProducts.write',
    scope: ofWorkProduct(),
    body: patchWorkProductBody,
    returns: workProductView,
    refuses: ['not_found', ...gateRefusals, 'unknown_reference'],
    handle: ({ ctx, target, body, preconditions }) => updateWorkProduct(ctx, target, body, preconditions),
  }),
  del('/api/work-products/:id', {
    summary: 'Delete a work product of an issue',
    permission: 'issue.workProducts.delete',
    scope: ofWorkProduct(),
    returns: workProductView,
    refuses: ['not_found', ...gateRefusals],
    handle: ({ ctx, target, preconditions }) => deleteWorkProduct(ctx, target, preconditions),
  }),
]
