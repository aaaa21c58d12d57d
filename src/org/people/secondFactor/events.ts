import { z } from 'zod'
import { event } from '../../../platform/kernel/event.ts'

/** The acts of a person that need a second factor, or change it. */
const acts = ['sign_in', 'enable', 'confirm', 'disable', 'recovery_codes'] as const
export type FactorAct = (typeof acts)[number]

/** A secret was made for an app. It counts after its first code. */
export const secondFactorBegun = event('person.second_factor_begun', 'person', z.object({}))
export const secondFactorEnabled = event('person.second_factor_enabled', 'person', z.object({}))
export const secondFactorDisabled = event('person.second_factor_disabled', 'person', z.object({}))
/** Taken off by the holder of the token of the board, for a person who has lost it. */
export const secondFactorRemoved = event('person.second_factor_removed', 'person', z.object({}))
export const recoveryCodesRenewed = event('person.recovery_codes_renewed', 'person', z.object({}))
export const recoveryCodeUsed = event('person.recovery_code_used', 'person', z.object({ left: z.int() }))

/** The password was right at a sign-in, and the code is awaited. */
export const secondFactorAsked = event('person.second_factor_asked', 'person', z.object({ address: z.string() }))
export const secondFactorFailed = event(
  'person.second_factor_failed',
  'person',
  z.object({ address: z.string(), act: z.enum(acts), wrong: z.enum(['password', 'code']) }),
)

/** The secret of an app was encrypted again, with the secret of the server that is the newest. */
export const secondFactorResealed = event('person.second_factor_resealed', 'person', z.object({}))
