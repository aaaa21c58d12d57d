import { z } from 'zod'
import { ofExistingIssue, ofIssue } from '../../auth/scopes.ts'
import { gateRefusals } from '../../engine/holds/index.ts'
import { get, post } from '../../http/route.ts'
import { uuidParam } from '../../http/uuidParam.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { createInteraction } from './create.ts'
import { listInteractions } from './queries.ts'
import { acceptInteraction, rejectInteraction, respondToInteraction } from './resolve.ts'
import { acceptBody, createInteractionBody, interactionView, rejectBody, respondBody } from './views.ts'

const referenceRefusals = ['not_found', 'unknown_reference', 'agent_terminated', 'agent_pending'] as const

export const interactionRoutes = [
  get('/api/issues/:id/interactions', {
    summary: 'List the interactions in the thread of an issue, oldest first',
    permission: 'interaction.read',
    scope: ofExistingIssue(),
    query: z.object(pageQuery),
    returnsPageOf: interactionView,
    refuses: ['not_found'],
    handle: ({ ctx, target, query }) => listInteractions(ctx, target, query),
  }),
  post('/api/issues/:id/interactions', {
    summary: 'Add a question for the board to the thread of an issue',
    permission: 'interaction.create',
    scope: ofIssue(),
    body: createInteractionBody,
    status: 201,
    returns: interactionView,
    refuses: [...referenceRefusals, 'document_stale', 'interaction_key_reused', 'unprocessable', ...gateRefusals],
    handle: ({ ctx, target, body, preconditions }) => createInteraction(ctx, target, body, preconditions),
  }),
  post('/api/issues/:id/interactions/:interactionId/accept', {
    summary: 'Accept a confirmation, or suggested tasks, which creates them',
    permission: 'interaction.resolve',
    scope: ofIssue(),
    body: acceptBody,
    bodyOptional: true,
    returns: interactionView,
    refuses: [...referenceRefusals, 'interaction_resolved', 'unprocessable', 'company_not_active'],
    handle: ({ ctx, target, params, body }) => acceptInteraction(ctx, target, uuidParam(params, 'interactionId'), body.selectedClientKeys),
  }),
  post('/api/issues/:id/interactions/:interactionId/reject', {
    summary: 'Reject a confirmation or suggested tasks',
    permission: 'interaction.resolve',
    scope: ofIssue(),
    body: rejectBody,
    bodyOptional: true,
    returns: interactionView,
    refuses: ['not_found', 'interaction_resolved', 'unprocessable'],
    handle: ({ ctx, target, params, body }) => rejectInteraction(ctx, target, uuidParam(params, 'interactionId'), body.reason ?? null),
  }),
  post('/api/issues/:id/interactions/:interactionId/respond', {
    summary: 'Answer questions',
    permission: 'interaction.resolve',
    scope: ofIssue(),
    body: respondBody,
    returns: interactionView,
    refuses: ['not_found', 'interaction_resolved', 'unprocessable'],
    handle: ({ ctx, target, params, body }) => respondToInteraction(ctx, target, uuidParam(params, 'interactionId'), body),
  }),
]
