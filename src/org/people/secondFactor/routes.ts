import { ofPerson, onInstance } from '../../../auth/scopes.ts'
import { get, post } from '../../../http/route.ts'
import type { Route } from '../../../http/route.ts'
import { cookieHeaders } from '../../../http/setCookies.ts'
import type { RefusalCode } from '../../../platform/kernel/errors.ts'
import type { People } from '../people.ts'
import { endedView, signedInView } from '../views.ts'
import { removeFactor } from './remove.ts'
import { begunFactorView, codeBody, factorRemovedView, factorStateView, newCodesView, passwordAndCodeBody, passwordBody } from './views.ts'

const changeRefusals: readonly RefusalCode[] = [
  'sign_in_unavailable',
  'session_required',
  'second_factor_missing',
  'second_factor_unreadable',
  'password_missing',
  'password_wrong',
  'code_wrong',
  'too_many_attempts',
  'busy',
]

/** The state of the second factor, and its changes in a session. */
const changeRoutes = (peopleHere: () => People): Route[] => [
  get('/api/auth/two-factor', {
    summary: 'Read whether the caller has a second factor',
    permission: 'session.read',
    scope: onInstance,
    returns: factorStateView,
    refuses: ['sign_in_unavailable', 'session_required'],
    handle: ({ ctx }) => peopleHere().flows.secondFactor.state(ctx),
  }),
  post('/api/auth/two-factor/enable', {
    summary: 'Make a secret for an authenticator app, and recovery codes',
    permission: 'session.password',
    scope: onInstance,
    body: passwordBody,
    returns: begunFactorView,
    refuses: [
      'sign_in_unavailable',
      'session_required',
      'password_missing',
      'password_wrong',
      'second_factor_enabled',
      'too_many_attempts',
      'busy',
    ],
    handle: ({ ctx, client, body }) => peopleHere().flows.secondFactor.begin(ctx, client, body),
  }),
  post('/api/auth/two-factor/disable', {
    summary: 'Take the second factor of the caller off',
    permission: 'session.password',
    scope: onInstance,
    body: passwordAndCodeBody,
    returns: factorRemovedView,
    refuses: changeRefusals,
    handle: ({ ctx, client, body }) => peopleHere().flows.secondFactor.disable(ctx, client, body),
  }),
  post('/api/auth/two-factor/generate-backup-codes', {
    summary: 'Make new recovery codes for the caller',
    permission: 'session.password',
    scope: onInstance,
    body: passwordAndCodeBody,
    returns: newCodesView,
    refuses: changeRefusals,
    handle: ({ ctx, client, body }) => peopleHere().flows.secondFactor.renewCodes(ctx, client, body),
  }),
  post('/api/admin/users/:userId/remove-second-factor', {
    summary: 'Take the second factor off a person who has lost it',
    permission: 'board.rescue',
    scope: ofPerson(),
    returns: endedView,
    refuses: ['not_found', 'second_factor_missing'],
    handle: ({ ctx, target }) => removeFactor(ctx, target),
  }),
]

/** The second step of a sign-in. */
const verifyRoutes = (peopleHere: () => People): Route[] => [
  post('/api/auth/two-factor/verify-totp', {
    summary: 'Sign in with a code of the app, or turn the second factor on with its first one',
    permission: 'session.begin',
    scope: onInstance,
    body: codeBody,
    returns: signedInView,
    headers: cookieHeaders,
    refuses: [
      'sign_in_unavailable',
      'credentials_wrong',
      'second_factor_not_asked',
      'second_factor_wrong',
      'second_factor_not_begun',
      'second_factor_unreadable',
      'code_wrong',
      'too_many_attempts',
    ],
    handle: ({ ctx, client, body }) => peopleHere().flows.secondFactor.verifyTotp(ctx, client, body),
  }),
  post('/api/auth/two-factor/verify-backup-code', {
    summary: 'Sign in with a recovery code',
    permission: 'session.begin',
    scope: onInstance,
    body: codeBody,
    returns: signedInView,
    headers: cookieHeaders,
    refuses: ['sign_in_unavailable', 'credentials_wrong', 'second_factor_not_asked', 'second_factor_wrong', 'too_many_attempts'],
    handle: ({ ctx, client, body }) => peopleHere().flows.secondFactor.answer(ctx, client, body, ['recovery']),
  }),
]

/** The second factor, under the paths of better-auth's clients. @param peopleHere throws where people do not sign in */
export const secondFactorRoutes = (peopleHere: () => People): Route[] => [...changeRoutes(peopleHere), ...verifyRoutes(peopleHere)]
