import { z } from 'zod'
import { ofPerson, onInstance } from '../../auth/scopes.ts'
import { get, post, put } from '../../http/route.ts'
import type { Route } from '../../http/route.ts'
import { cookieHeaders } from '../../http/setCookies.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { companyAccessOf, demote, promote, setCompanyAccess } from './administrators.ts'
import type { People } from './people.ts'
import { listPeople, readCallerSession } from './queries.ts'
import { createResetLink } from './rescue.ts'
import { secondFactorRoutes } from './secondFactor/routes.ts'
import { signInView } from './secondFactor/views.ts'
import { endAllSessions, endSession, listSessions, signOut } from './sessions.ts'
import {
  accountView,
  administratorView,
  callerSessionView,
  changePasswordBody,
  companyAccessBody,
  endedView,
  endSessionBody,
  membershipView,
  personView,
  resetLinkView,
  resetPasswordBody,
  sessionView,
  signedInView,
  signInBody,
  signUpBody,
} from './views.ts'

/** The sign-in of people. @throws Refusal `sign_in_unavailable` on a server where people do not sign in */
type FindPeople = () => People

/** Making an account, signing in and out, and the password. */
const signInRoutes = (peopleHere: FindPeople): Route[] => [
  post('/api/auth/sign-up/email', {
    summary: 'Make an account with an e-mail address and a password, and sign in',
    permission: 'session.begin',
    scope: onInstance,
    body: signUpBody,
    returns: signedInView,
    headers: cookieHeaders,
    refuses: ['sign_in_unavailable', 'sign_up_disabled', 'email_taken', 'too_many_attempts', 'busy'],
    handle: ({ ctx, client, body }) => peopleHere().flows.signUp(ctx, client, body),
  }),
  post('/api/auth/sign-in/email', {
    summary: 'Sign in with an e-mail address and a password',
    permission: 'session.begin',
    scope: onInstance,
    body: signInBody,
    returns: signInView,
    headers: cookieHeaders,
    refuses: ['sign_in_unavailable', 'credentials_wrong', 'too_many_attempts', 'busy'],
    handle: ({ ctx, client, body }) => peopleHere().flows.signIn(ctx, client, body),
  }),
  post('/api/auth/sign-out', {
    summary: 'End the session of this browser',
    permission: 'session.end',
    scope: onInstance,
    returns: endedView,
    headers: cookieHeaders,
    refuses: ['sign_in_unavailable', 'session_required'],
    handle: ({ ctx }) => signOut(ctx, peopleHere().sessions),
  }),
  post('/api/auth/change-password', {
    summary: 'Change the password of the caller, and end its other sessions',
    permission: 'session.password',
    scope: onInstance,
    body: changePasswordBody,
    returns: z.strictObject({ token: z.null(), user: personView }),
    refuses: ['sign_in_unavailable', 'session_required', 'password_wrong', 'too_many_attempts', 'busy'],
    handle: ({ ctx, client, body }) => peopleHere().flows.changePassword(ctx, client, body),
  }),
  post('/api/auth/reset-password', {
    summary: 'Set a new password by a link, and end every session of the person',
    permission: 'session.begin',
    scope: onInstance,
    body: resetPasswordBody,
    returns: z.strictObject({ success: z.literal(true), user: personView }),
    refuses: ['sign_in_unavailable', 'not_found', 'too_many_attempts', 'busy'],
    handle: ({ ctx, client, body }) => peopleHere().flows.resetPassword(ctx, client, body),
  }),
]

/** The sessions of the caller. */
const sessionRoutes: Route[] = [
  get('/api/auth/get-session', {
    summary: 'Read the session of the caller',
    permission: 'session.read',
    scope: onInstance,
    returns: callerSessionView,
    refuses: [],
    handle: async ({ ctx }) => readCallerSession(ctx),
  }),
  get('/api/auth/list-sessions', {
    summary: 'List the sessions of the caller',
    permission: 'session.read',
    scope: onInstance,
    returns: z.array(sessionView),
    refuses: ['session_required'],
    handle: ({ ctx }) => listSessions(ctx),
  }),
  post('/api/auth/revoke-session', {
    summary: 'End one session of the caller',
    permission: 'session.end',
    scope: onInstance,
    body: endSessionBody,
    returns: endedView,
    refuses: ['session_required', 'not_found'],
    handle: ({ ctx, body }) => endSession(ctx, body.id),
  }),
  post('/api/auth/revoke-sessions', {
    summary: 'End the sessions of the caller on all devices',
    permission: 'session.end',
    scope: onInstance,
    returns: endedView,
    refuses: ['session_required'],
    handle: ({ ctx }) => endAllSessions(ctx, false),
  }),
  post('/api/auth/revoke-other-sessions', {
    summary: 'End the sessions of the caller on all other devices',
    permission: 'session.end',
    scope: onInstance,
    returns: endedView,
    refuses: ['session_required'],
    handle: ({ ctx }) => endAllSessions(ctx, true),
  }),
]

/** The decisions of administrators of the instance about people. */
const administratorRoutes: Route[] = [
  post('/api/admin/users/:userId/reset-links', {
    summary: 'Make a link with which a person sets a new password',
    permission: 'board.rescue',
    scope: ofPerson(),
    status: 201,
    returns: resetLinkView,
    refuses: ['not_found'],
    handle: ({ ctx, client, target }) => createResetLink(ctx, target, client),
  }),
  get('/api/admin/users', {
    summary: 'List the people who have an account',
    permission: 'instance.people',
    scope: onInstance,
    query: z.object(pageQuery),
    returnsPageOf: accountView,
    refuses: [],
    handle: ({ ctx, query }) => listPeople(ctx, query),
  }),
  post('/api/admin/users/:userId/promote-instance-admin', {
    summary: 'Make a person an administrator of the instance',
    permission: 'instance.people',
    scope: ofPerson(),
    status: 201,
    returns: administratorView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => promote(ctx, target),
  }),
  post('/api/admin/users/:userId/demote-instance-admin', {
    summary: 'Take the administration of the instance from a person',
    permission: 'instance.people',
    scope: ofPerson(),
    returns: administratorView,
    refuses: ['not_found', 'last_administrator'],
    handle: ({ ctx, target }) => demote(ctx, target),
  }),
  get('/api/admin/users/:userId/company-access', {
    summary: 'List the companies that a person enters',
    permission: 'instance.people',
    scope: ofPerson(),
    returns: z.array(membershipView),
    refuses: ['not_found'],
    handle: ({ ctx, target }) => companyAccessOf(ctx, target),
  }),
  put('/api/admin/users/:userId/company-access', {
    summary: 'Set the companies that a person enters',
    permission: 'instance.people',
    scope: ofPerson(),
    body: companyAccessBody,
    returns: z.array(membershipView),
    refuses: ['not_found', 'unknown_reference', 'last_owner'],
    handle: ({ ctx, target, body }) => setCompanyAccess(ctx, target, body.companyIds),
  }),
]

/** Routes about people. @param people how they sign in; null on a server where they do not */
export const peopleRoutes = (people: People | null): Route[] => [
  ...signInRoutes(() => people ?? refuse('sign_in_unavailable')),
  ...secondFactorRoutes(() => people ?? refuse('sign_in_unavailable')),
  ...sessionRoutes,
  ...administratorRoutes,
]
