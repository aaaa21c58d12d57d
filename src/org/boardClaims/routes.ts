import { ofBoardClaim } from '../../auth/scopes.ts'
import { get, post } from '../../http/route.ts'
import type { Route } from '../../http/route.ts'
import { claimInstance, readClaim } from './claim.ts'
import { boardClaimView, claimBody, claimedView, claimQuery } from './views.ts'

/** The claim of an instance that has no administrator, by the URL that its server printed. */
export const boardClaimRoutes: Route[] = [
  get('/api/board-claim/:token', {
    summary: 'Read how far the claim of the instance is',
    permission: 'boardClaim.read',
    scope: ofBoardClaim(),
    query: claimQuery,
    returns: boardClaimView,
    refuses: ['not_found'],
    handle: ({ ctx, target, query }) => readClaim(ctx.store.read, target, query.code),
  }),
  post('/api/board-claim/:token/claim', {
    summary: 'Become the first administrator of the instance, and the owner of its companies',
    permission: 'boardClaim.claim',
    scope: ofBoardClaim(),
    body: claimBody,
    returns: claimedView,
    refuses: ['not_found', 'session_required', 'conflict'],
    handle: ({ ctx, target, body }) => claimInstance(ctx, target, body.code),
  }),
]
