import { ofCliLogin, onInstance } from '../../auth/scopes.ts'
import { get, post } from '../../http/route.ts'
import type { Route } from '../../http/route.ts'
import { approveChallenge, cancelChallenge, createChallenge, readChallenge, revokeCurrentKey } from './challenges.ts'
import {
  approvalView,
  cancellationView,
  challengeQuery,
  challengeView,
  createChallengeBody,
  createdChallengeView,
  revocationView,
  secretBody,
} from './views.ts'

/** The login of command lines, as `paperclipai auth login` uses it. */
export const cliLoginRoutes: Route[] = [
  post('/api/cli-auth/challenges', {
    summary: 'Ask to act as a person from a command line',
    permission: 'cliLogin.ask',
    scope: onInstance,
    body: createChallengeBody,
    status: 201,
    returns: createdChallengeView,
    refuses: ['too_many_attempts'],
    handle: ({ ctx, client, body }) => createChallenge(ctx, client, body),
  }),
  get('/api/cli-auth/challenges/:id', {
    summary: 'Read the state of the login of a command line',
    permission: 'cliLogin.read',
    scope: ofCliLogin(),
    query: challengeQuery,
    returns: challengeView,
    refuses: ['not_found'],
    handle: ({ ctx, target, query }) => readChallenge(ctx, target, query.token),
  }),
  post('/api/cli-auth/challenges/:id/approve', {
    summary: 'Let a command line act as the caller',
    permission: 'cliLogin.approve',
    scope: ofCliLogin(),
    body: secretBody,
    returns: approvalView,
    refuses: ['not_found', 'admin_required', 'board_token_required'],
    handle: ({ ctx, target, body }) => approveChallenge(ctx, target, body.token),
  }),
  post('/api/cli-auth/challenges/:id/cancel', {
    summary: 'Cancel the login of a command line',
    permission: 'cliLogin.ask',
    scope: ofCliLogin(),
    body: secretBody,
    returns: cancellationView,
    refuses: ['not_found'],
    handle: ({ ctx, target, body }) => cancelChallenge(ctx, target, body.token),
  }),
  post('/api/cli-auth/revoke-current', {
    summary: 'End the key of the command line that asks',
    permission: 'session.end',
    scope: onInstance,
    returns: revocationView,
    refuses: ['bad_request'],
    handle: ({ ctx }) => revokeCurrentKey(ctx),
  }),
]
