import { z } from 'zod'
import { event, NO_COMPANY } from '../../platform/kernel/event.ts'

/** Of events that belong to the chain of the instance. */
export const ofInstance = { companyId: NO_COMPANY } as const

/** The proof by which a person signs in: `credential` is the password. */
const login = z.object({ provider: z.string() })

/** Why sessions ended. */
const endReasons = ['signed_out', 'revoked', 'password_changed', 'second_factor_changed'] as const
export type EndReason = (typeof endReasons)[number]

export const personCreated = event('person.created', 'person', z.object({ name: z.string(), email: z.string() }))
export const loginAdded = event('person.login_added', 'person', login)
/** An account was made with an invitation, where people do not simply make one. The same transaction made the account. */
export const personInvited = event('person.invited', 'person', z.object({ inviteId: z.uuid() }))
/** A way to sign in was taken away; the sessions that it opened go on. */
export const loginRemoved = event('person.login_removed', 'person', login)
export const signedIn = event(
  'person.signed_in',
  'person',
  z.object({ sessionId: z.uuid(), address: z.string().nullable(), userAgent: z.string().nullable() }),
)
/** A wrong password, or an account that does not exist: then `entityId` is `unknown`, and what was typed is not recorded. */
export const signInFailed = event('person.sign_in_failed', 'person', z.object({ address: z.string() }))
/** Why a person did not get in by a provider, or could not link it. */
const providerFailures = [
  'state_invalid',
  'state_used',
  'provider_refused',
  'provider_unavailable',
  'answer_invalid',
  'address_unverified',
  'domain_not_allowed',
  'account_exists',
  'sign_up_disabled',
  'linked_elsewhere',
  'session_ended',
] as const
export type ProviderFailure = (typeof providerFailures)[number]

/** A sign-in by a provider failed. `cause` is the code of the error; texts and addresses that the provider sent are not recorded. */
export const providerSignInFailed = event(
  'person.provider_sign_in_failed',
  'person',
  z.object({ issuer: z.string(), reason: z.enum(providerFailures), cause: z.string().nullable(), address: z.string() }),
)
export const sessionsEnded = event(
  'person.sessions_ended',
  'person',
  z.object({ sessionIds: z.array(z.uuid()), reason: z.enum(endReasons) }),
)
export const passwordChanged = event('person.password_changed', 'person', z.object({}))
export const passwordChangeFailed = event('person.password_change_failed', 'person', z.object({ address: z.string() }))

/** A link with which a person sets a new password was made; it is not recorded itself. */
export const resetLinkCreated = event('person.reset_link_created', 'person', z.object({ expiresAt: z.string() }))
export const passwordReset = event('person.password_reset', 'person', z.object({ keyIds: z.array(z.uuid()) }))

/** Why the key of a command line ended. */
const keyEndReasons = ['logged_out', 'signed_out', 'password_changed', 'access_ended', 'instance_claimed'] as const
export type KeyEndReason = (typeof keyEndReasons)[number]

export const boardKeyRevoked = event('board_api_key.revoked', 'person', z.object({ keyId: z.uuid(), reason: z.enum(keyEndReasons) }))

export const promoted = event('person.promoted', 'person', z.object({ role: z.literal('instance_admin') }))
export const demoted = event('person.demoted', 'person', z.object({ role: z.literal('instance_admin') }))

/** The membership of a person changed; recorded in the company, and once for the instance with all companies. */
export const accessChanged = event('person.access_changed', 'person', z.object({ added: z.array(z.uuid()), removed: z.array(z.uuid()) }))
