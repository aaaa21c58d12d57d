import { z } from 'zod'
import { inCompany, ofGoal } from '../../auth/scopes.ts'
import { companyOf } from '../../platform/db/context.ts'
import { rowTag } from '../../http/entityTag.ts'
import { get, patch, post } from '../../http/route.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { goalById, listGoals } from './queries.ts'
import { createGoalBody, goalView, patchGoalBody } from './views.ts'
import { createGoal, updateGoal } from './write.ts'

export const goalRoutes = [
  get('/api/companies/:companyId/goals', {
    summary: 'List goals of a company',
    permission: 'goal.read',
    scope: inCompany(),
    query: z.object(pageQuery),
    returnsPageOf: goalView,
    refuses: ['not_found'],
    handle: ({ ctx, query }) => listGoals(ctx, query),
  }),
  post('/api/companies/:companyId/goals', {
    summary: 'Create a goal',
    permission: 'goal.write',
    scope: inCompany(),
    body: createGoalBody,
    status: 201,
    returns: goalView,
    refuses: ['not_found', 'unknown_reference', 'company_not_active'],
    handle: ({ ctx, body }) => createGoal(ctx, body),
  }),
  get('/api/goals/:id', {
    summary: 'Read one goal',
    permission: 'goal.read',
    scope: ofGoal(),
    returns: goalView,
    headers: rowTag,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => goalById(ctx.store.read, companyOf(ctx), target),
  }),
  patch('/api/goals/:id', {
    summary: 'Change a goal',
    permission: 'goal.write',
    scope: ofGoal(),
    body: patchGoalBody,
    returns: goalView,
    headers: rowTag,
    refuses: ['not_found', 'unknown_reference', 'unprocessable', 'precondition_failed'],
    handle: ({ ctx, target, body, preconditions }) => updateGoal(ctx, target, body, preconditions.ifMatch),
  }),
]
