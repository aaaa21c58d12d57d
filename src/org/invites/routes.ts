import { inCompany, ofInvite, ofInviteToken, ofJoinRequest, onInstance } from '../../auth/scopes.ts'
import { get, post } from '../../http/route.ts'
import type { Route } from '../../http/route.ts'
import { uuidParam } from '../../http/uuidParam.ts'
import { z } from 'zod'
import { acceptInvite } from './accept.ts'
import { createBootstrapInvite, createInvite, createPrompt, openInvite, revokeInvite } from './invites.ts'
import { approveJoin, claimKey, listJoinRequests, rejectJoin } from './joins.ts'
import { onboardingOf, onboardingText, presentInvite } from './onboarding.ts'
import { testResolution } from './resolution.ts'
import {
  acceptBody,
  acceptedView,
  bootstrapInviteBody,
  bootstrapInviteView,
  claimBody,
  claimedKeyView,
  createdInviteView,
  createInviteBody,
  inviteView,
  joinRequestsQuery,
  joinRequestView,
  onboardingView,
  promptBody,
  publicInviteView,
  resolutionQuery,
  resolutionView,
} from './views.ts'

/** Making and revoking invitations. */
const inviterRoutes: Route[] = [
  post('/api/companies/:companyId/invites', {
    summary: 'Invite people or agents to a company',
    permission: 'invite.write',
    scope: inCompany(),
    body: createInviteBody,
    bodyOptional: true,
    status: 201,
    returns: createdInviteView,
    refuses: ['not_found', 'above_own_role', 'approval_required'],
    handle: ({ ctx, client, body }) => createInvite(ctx, client.origin, body),
  }),
  post('/api/companies/:companyId/openclaw/invite-prompt', {
    summary: 'Invite an agent that runs behind a gateway',
    permission: 'invite.prompt',
    scope: inCompany(),
    body: promptBody,
    bodyOptional: true,
    status: 201,
    returns: createdInviteView,
    refuses: ['not_found'],
    handle: ({ ctx, client, body }) => createPrompt(ctx, client.origin, body),
  }),
  post('/api/instance/bootstrap-invites', {
    summary: 'Invite an administrator of the instance',
    permission: 'board.rescue',
    scope: onInstance,
    body: bootstrapInviteBody,
    bodyOptional: true,
    status: 201,
    returns: bootstrapInviteView,
    refuses: [],
    handle: ({ ctx, client, body }) => createBootstrapInvite(ctx, client.origin, body.hours),
  }),
  post('/api/invites/:inviteId/revoke', {
    summary: 'Revoke an invitation',
    permission: 'invite.write',
    scope: ofInvite(),
    returns: inviteView,
    refuses: ['not_found', 'conflict', 'admin_required'],
    handle: ({ ctx, target }) => revokeInvite(ctx, target),
  }),
]

/** The requests of the receiver of an invitation. */
const receiverRoutes: Route[] = [
  get('/api/invites/:token', {
    summary: 'Read an invitation by its token',
    permission: 'invite.read',
    scope: ofInviteToken(),
    returns: publicInviteView,
    refuses: ['not_found'],
    handle: async ({ ctx, client, target }) => presentInvite(await openInvite(ctx.store.read, target), target, client.origin),
  }),
  get('/api/invites/:token/onboarding', {
    summary: 'Read how an agent joins by an invitation',
    permission: 'invite.read',
    scope: ofInviteToken(),
    returns: onboardingView,
    refuses: ['not_found'],
    handle: async ({ ctx, client: { origin }, target }) => ({
      invite: presentInvite(await openInvite(ctx.store.read, target), target, origin),
      onboarding: onboardingOf(target, origin),
    }),
  }),
  get('/api/invites/:token/onboarding.txt', {
    summary: 'Read how an agent joins by an invitation, as a text',
    permission: 'invite.read',
    scope: ofInviteToken(),
    streams: 'text',
    returns: z.string(),
    refuses: ['not_found'],
    handle: async ({ ctx, client: { origin }, target }) =>
      onboardingText(presentInvite(await openInvite(ctx.store.read, target), target, origin), target, origin),
  }),
  get('/api/invites/:token/test-resolution', {
    summary: 'Try whether this server reaches an address',
    permission: 'invite.read',
    scope: ofInviteToken(),
    query: resolutionQuery,
    returns: resolutionView,
    refuses: ['not_found', 'too_many_attempts'],
    handle: ({ ctx, target, query }) => testResolution(ctx, target, query),
  }),
  post('/api/invites/:token/accept', {
    summary: 'Accept an invitation',
    permission: 'invite.accept',
    scope: ofInviteToken(),
    body: acceptBody,
    status: 202,
    returns: acceptedView,
    refuses: ['not_found', 'session_required', 'conflict'],
    handle: ({ ctx, client, target, body }) => acceptInvite(ctx, client, target, body),
  }),
]

/** The decisions about requests to join. */
const joinRoutes: Route[] = [
  get('/api/companies/:companyId/join-requests', {
    summary: 'List requests to join a company',
    permission: 'join.read',
    scope: inCompany(),
    query: joinRequestsQuery,
    returnsPageOf: joinRequestView,
    refuses: ['not_found'],
    handle: ({ ctx, query }) => listJoinRequests(ctx, query),
  }),
  post('/api/companies/:companyId/join-requests/:requestId/approve', {
    summary: 'Let a person or an agent join',
    permission: 'join.decide',
    scope: inCompany(),
    returns: joinRequestView,
    refuses: ['not_found', 'conflict', 'above_own_role', 'board_required', 'own_request', 'approval_required'],
    handle: ({ ctx, params }) => approveJoin(ctx, uuidParam(params, 'requestId')),
  }),
  post('/api/companies/:companyId/join-requests/:requestId/reject', {
    summary: 'Refuse a request to join',
    permission: 'join.decide',
    scope: inCompany(),
    returns: joinRequestView,
    refuses: ['not_found', 'conflict', 'board_required'],
    handle: ({ ctx, params }) => rejectJoin(ctx, uuidParam(params, 'requestId')),
  }),
  post('/api/join-requests/:requestId/claim-api-key', {
    summary: 'Take the key of an agent that was let in, once',
    permission: 'join.claim',
    scope: ofJoinRequest(),
    body: claimBody,
    status: 201,
    returns: claimedKeyView,
    refuses: ['not_found', 'claim_secret_wrong', 'conflict'],
    handle: ({ ctx, target, body }) => claimKey(ctx, target, body.claimSecret),
  }),
]

/** Routes about invitations and requests to join. */
export const inviteRoutes: Route[] = [...inviterRoutes, ...receiverRoutes, ...joinRoutes]
