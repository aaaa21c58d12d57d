import { z } from 'zod'
import { ofIssue } from '../../auth/scopes.ts'
import { companyOf } from '../../platform/db/context.ts'
import { get, post } from '../../http/route.ts'
import { requireIssue } from '../issues/index.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { createInteraction } from './create.ts'
import { listInteractions } from './queries.ts'
import { acceptInteraction, rejectInteraction, respondToInteraction } from './resolve.ts'
import { acceptBody, createInteractionBody, interactionView, rejectBody, respondBody } from './views.ts'

function parseInteractionId(params: Readonly<Record<string, string>>): string {
  const id = z.uuid().safeParse(params['interactionId'])
  return id.success ? id.data.toLowerCase() : refuse('malformed_id')
}

const referenceRefusals = ['not_found', 'unknown_reference', 'agent_terminated', 'agent_pending'] as const

export const interactionRoutes = [
  get('/api/issues/:id/interactions', {
    summary: 'List the questions in the thread of an issue, oldest first',
    permission: 'interaction.read',
    scope: ofIssue(),
    query: z.object(pageQuery),
    returnsPageOf: interactionView,
    refuses: ['not_found'],
    handle: async ({ ctx, target, query }) => {
      await requireIssue(ctx.store.read, companyOf(ctx), target)
      return await listInteractions(ctx, target, query)
    },
  }),
  post('/api/issues/:id/interactions', {
    summary: 'Put a question to the board into the thread of an issue',
    permission: 'interaction.create',
    scope: ofIssue(),
    body: createInteractionBody,
    status: 201,
    returns: interactionView,
    refuses: [
      ...referenceRefusals,
      'document_stale',
      'interaction_key_reused',
      'lock_revoked',
      'checked_out_by_other',
      'not_assignee',
      'run_required',
      'run_ownership',
      'lock_epoch_mismatch',
      'precondition_failed',
    ],
    handle: ({ ctx, target, body, preconditions: expects }) => createInteraction(ctx, target, body, expects),
  }),
  post('/api/issues/:id/interactions/:interactionId/accept', {
    summary: 'Accept a confirmation, or suggested tasks, which creates them',
    permission: 'interaction.resolve',
    scope: ofIssue(),
    body: acceptBody,
    bodyOptional: true,
    returns: interactionView,
    refuses: [...referenceRefusals, 'interaction_resolved', 'unprocessable', 'company_not_active'],
    handle: ({ ctx, target, params, body }) => acceptInteraction(ctx, target, parseInteractionId(params), body.selectedClientKeys),
  }),
  post('/api/issues/:id/interactions/:interactionId/reject', {
    summary: 'Reject a confirmation or suggested tasks',
    permission: 'interaction.resolve',
    scope: ofIssue(),
    body: rejectBody,
    bodyOptional: true,
    returns: interactionView,
    refuses: ['not_found', 'interaction_resolved', 'unprocessable'],
    handle: ({ ctx, target, params, body }) => rejectInteraction(ctx, target, parseInteractionId(params), body.reason ?? null),
  }),
  post('/api/issues/:id/interactions/:interactionId/respond', {
    summary: 'Answer questions',
    permission: 'interaction.resolve',
    scope: ofIssue(),
    body: respondBody,
    returns: interactionView,
    refuses: ['not_found', 'interaction_resolved', 'unprocessable'],
    handle: ({ ctx, target, params, body }) => respondToInteraction(ctx, target, parseInteractionId(params), body),
  }),
]
