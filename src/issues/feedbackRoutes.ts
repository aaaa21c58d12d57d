import { z } from 'zod'
import { inCompany, ofIssue } from '../access/scopes.ts'
import { companyOf } from '../db/context.ts'
import { get } from '../http/route.ts'
import { instant } from '../kernel/time.ts'
import { demandIssue } from './comments.ts'

const moment = z.union([instant, z.iso.date()])

const tracesQuery = z.object({
  targetType: z.enum(['issue_comment', 'issue_document_revision']).optional(),
  vote: z.enum(['up', 'down']).optional(),
  status: z.string().max(50).optional(),
  from: moment.optional(),
  to: moment.optional(),
  sharedOnly: z.string().max(5).optional(),
  includePayload: z.string().max(5).optional(),
})

/** Nobody votes on comments here, so there is never a trace of a vote; the command line asks all the same. */
const none = z.array(z.never())

export const feedbackRoutes = [
  get('/api/companies/:companyId/feedback-traces', {
    summary: 'List traces of votes in a company: there are none',
    permission: 'feedback.read',
    scope: inCompany(),
    query: tracesQuery.extend({ issueId: z.uuid().optional(), projectId: z.uuid().optional() }),
    returns: none,
    refuses: ['not_found'],
    handle: () => Promise.resolve([]),
  }),
  get('/api/issues/:id/feedback-traces', {
    summary: 'List traces of votes on an issue: there are none',
    permission: 'feedback.read',
    scope: ofIssue(),
    query: tracesQuery,
    returns: none,
    refuses: ['not_found'],
    handle: async ({ ctx, target }) => {
      await demandIssue(ctx.store.read, companyOf(ctx), target)
      return []
    },
  }),
]
