// The codes of an authenticator app (RFC 6238: SHA-1, six digits, thirty seconds), and recovery codes.

import { randomBytes, timingSafeEqual } from 'node:crypto'
import { hashToken } from '../../../auth/tokens.ts'

// Not static imports: the bundle would load them at every start (src/launch/bundle.js), and most servers have no people.
const { createOTP } = await import('@better-auth/utils/otp')
const { base32 } = await import('@better-auth/utils/base32')

/** RFC 4226 asks for as many bytes as the hash has. */
const SECRET_BYTES = 20
/** The steps beside the present one whose codes are accepted: a clock may be half a minute off, and typing takes time. */
const WINDOW = 1
const RECOVERY_CODES = 10
/** 80 random bits: their plain SHA-256 cannot be searched. */
const RECOVERY_BYTES = 10

/** A new secret for an app, as the text that a person types into it. */
export const newSecret = (): string => base32.encode(randomBytes(SECRET_BYTES), { padding: false })

const otpOf = (secret: string) => createOTP(new Uint8Array(base32.decode(secret)))

/** The address that an app reads from a QR code. */
export const uriOf = (secret: string, email: string): string => otpOf(secret).url('paperclip-server', email)

/** The code of a step. */
export const codeOf = (secret: string, step: number): Promise<string> => otpOf(secret).hotp(step)

/** New recovery codes, in groups of four letters and digits. */
export const newRecoveryCodes = (): string[] =>
  Array.from({ length: RECOVERY_CODES }, () =>
    base32.encode(randomBytes(RECOVERY_BYTES), { padding: false }).replaceAll(/(.{4})(?=.)/g, '$1-'),
  )

/** A code as a person typed it: without spaces and hyphens, and with the letters that digits beyond Base32 were meant to be. */
const plain = (code: string): string => code.replaceAll(/[\s-]/g, '').toUpperCase()
const withLetters = (code: string): string => plain(code).replaceAll('0', 'O').replaceAll('1', 'I').replaceAll('8', 'B')

/** The six digits of a code of an app; null for a text that cannot be one. */
export const digitsOf = (code: string): string | null => (/^\d{6}$/.test(plain(code)) ? plain(code) : null)

/** The hash of a recovery code; null for a text that cannot be one. */
export const recoveryHashOf = (code: string): string | null => {
  const letters = withLetters(code)
  return /^[A-Z2-7]{16}$/.test(letters) ? hashToken(letters) : null
}

const isEqual = (one: string, other: string): boolean => timingSafeEqual(Buffer.from(one), Buffer.from(other))

/** The newest step within one of the present whose code these six digits are; null for none. All are compared, so the time says nothing. */
export async function stepOf(secret: string, digits: string, present: number): Promise<number | null> {
  const steps = Array.from({ length: 2 * WINDOW + 1 }, (_, at) => present - WINDOW + at)
  const codes = await Promise.all(steps.map((step) => codeOf(secret, step)))
  return steps.reduce<number | null>((found, step, at) => (isEqual(codes[at] ?? '', digits) ? step : found), null)
}
