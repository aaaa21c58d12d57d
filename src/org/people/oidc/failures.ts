// Why a sign-in by a provider fails: for the person a sentence, for the operator a row of the record.

import { Refusal } from '../../../platform/kernel/errors.ts'
import type { RefusalCode } from '../../../platform/kernel/errors.ts'
import type { ProviderFailure } from '../events.ts'

const BEGIN_AGAIN = 'Begin the sign-in again'

const refusalOfFailure: Readonly<Record<ProviderFailure, readonly [RefusalCode, string]>> = {
  state_invalid: ['bad_request', `This sign-in was not begun in this browser. ${BEGIN_AGAIN}`],
  state_used: ['bad_request', `This sign-in has been used, or is more than ten minutes old. ${BEGIN_AGAIN}`],
  provider_refused: ['forbidden', 'The provider did not let you in'],
  provider_unavailable: ['busy', 'The provider does not answer as it should. Try again in a moment'],
  answer_invalid: ['bad_request', `The answer of the provider is not valid. ${BEGIN_AGAIN}`],
  address_unverified: ['forbidden', 'The provider has not verified your e-mail address, so it opens no account here'],
  domain_not_allowed: ['forbidden', 'E-mail addresses of your domain are not let in here'],
  account_exists: [
    'conflict',
    'There is an account with your e-mail address. Sign in with its password, and then link the provider at /account',
  ],
  sign_up_disabled: [
    'sign_up_disabled',
    'Making an account is disabled here, except with an invitation: open the link of one that is valid and has made no account yet, and sign in from there',
  ],
  linked_elsewhere: ['conflict', 'This identity of the provider belongs to another account here'],
  session_ended: ['session_required', 'Your session has ended meanwhile. Sign in, and link the provider again'],
}

/** A sign-in by a provider that failed, with the reason that is recorded. */
export class ProviderSignInFailed extends Refusal {
  readonly reason: ProviderFailure
  /** The code of the error beneath, for the record; null when the reason says all. */
  readonly causeCode: string | null

  constructor(reason: ProviderFailure, causeCode: string | null = null) {
    const [code, message] = refusalOfFailure[reason]
    super(code, { message })
    this.reason = reason
    this.causeCode = causeCode
  }
}

/** Ends the sign-in. @throws ProviderSignInFailed always */
export function fail(reason: ProviderFailure, causeCode: string | null = null): never {
  throw new ProviderSignInFailed(reason, causeCode)
}
