// Second factors for tests: an authenticator app written from RFC 4226 and RFC 6238 alone, so that the codes of the server are compared
// with those of another program.

import { createHmac } from 'node:crypto'
import { createChallengeCookies } from '../../org/people/secondFactor/challenges.ts'
import { createSeal } from '../../org/people/secondFactor/seal.ts'
import { TEST_AUTH_SECRET, TEST_PASSWORD_HASH } from './sessions.ts'

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

function bytesOf(base32: string): Buffer {
  const bits = Array.from(base32, (letter) => BASE32.indexOf(letter).toString(2).padStart(5, '0')).join('')
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
}

/** The code that an app shows in a time step. */
export function codeAt(secret: string, step: number): string {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const mac = createHmac('sha1', bytesOf(secret)).update(counter).digest()
  const number = mac.readUInt32BE((mac.at(-1) ?? 0) & 15) & 0x7f_ff_ff_ff
  return String(number % 1_000_000).padStart(6, '0')
}

/** The present time step of this process, for a database whose clock was not moved. */
const presentStep = (): number => Math.floor(Date.now() / 30_000)

export const presentCode = (secret: string): string => codeAt(secret, presentStep())

/** The secret of the app in rows that a test inserts. */
export const TEST_FACTOR_SECRET = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'

/** The recovery code of a person in rows that a test inserts: the first digits of its id, as letters. */
export const recoveryCodeOf = (personId: string): string =>
  Array.from(personId.replaceAll('-', '').slice(0, 16), (digit) => BASE32[Number.parseInt(digit, 16)]).join('')

const hashOfRecoveryCode = `encode(sha256(convert_to(translate(substr(replace($1::text, '-', ''), 1, 16), '0123456789abcdef', 'ABCDEFGHIJKLMNOP'), 'UTF8')), 'hex')`

const { sealed, sealedWith } = createSeal([TEST_AUTH_SECRET]).close(TEST_FACTOR_SECRET)
const factor = `factor as (insert into second_factors (person_id, secret, sealed_with, confirmed_at)
  values ($1::text, '${sealed}', '${sealedWith}', now()) on conflict (person_id) do nothing)`
const recoveryCode = `insert into recovery_codes (hash, person_id) values (${hashOfRecoveryCode}, $1::text) on conflict do nothing`

/** Gives person `$1` a second factor, with one recovery code. */
export const insertFactor = `with ${factor} ${recoveryCode}`

/** Gives person `$1` a second factor, and asks for its code. */
export const insertAskedFactor = `with ${factor},
  challenge as (insert into challenges (id, identifier, value, expires_at)
    values ($1::text::uuid, 'second-factor:' || $1::text, 'forget', now() + interval '10 minutes') on conflict (id) do nothing)
  ${recoveryCode}`

/** The cookie of the browser in which person `$1` of `insertAskedFactor` typed the password. */
export const challengeCookie = (personId: string): string =>
  createChallengeCookies([TEST_AUTH_SECRET], false).cookieFor(personId, { userId: personId, hash: TEST_PASSWORD_HASH }).split(';')[0] ?? ''
