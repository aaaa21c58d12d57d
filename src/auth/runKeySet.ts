// The keys with which run tokens are signed so that others can verify them: Ed25519, as a private JSON Web Key Set. Pure, but for new keys.

import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { z } from 'zod'
import { isCanonicalBase64url } from '../platform/kernel/base64url.ts'

/** With what run tokens are signed: a secret that only servers have, or a key whose public half everybody may have. */
export const tokenAlgorithms = ['HS256', 'EdDSA'] as const
export type TokenAlgorithm = (typeof tokenAlgorithms)[number]

/** A key of run tokens. */
export interface RunKey {
  /** The thumbprint of the public half (RFC 7638), so an id says which key it is, and nothing about the private half. */
  readonly kid: string
  /** The public half, as base64url. */
  readonly x: string
  /** The private half; null for a key that only verifies. */
  readonly d: string | null
  /** The time from which it signs, in seconds since the epoch. */
  readonly signsFrom: number
}

/** The longest time that a run token may be valid (`PAPERCLIP_AGENT_JWT_TTL_SECONDS`), in seconds. */
export const MAX_TOKEN_SECONDS = 30 * 86_400

/** More than rotations every day leave behind. */
export const MAX_KEYS = 64
/** The bytes of either half of a key. */
const KEY_BYTES = 32

const half = z.string().refine((text) => isCanonicalBase64url(text) && Buffer.from(text, 'base64url').length === KEY_BYTES, {
  message: `must be ${KEY_BYTES} bytes as base64url`,
})

const storedKey = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  alg: z.literal('EdDSA').optional(),
  use: z.literal('sig').optional(),
  kid: z.string().optional(),
  x: half,
  d: half.optional(),
  nbf: z.int().min(0).default(0),
})

const storedSet = z.object({ keys: z.array(storedKey).min(1).max(MAX_KEYS) })

/** The thumbprint of a public key (RFC 7638, RFC 8037): the hash of its required members, in the order of their names. */
const thumbprintOf = (x: string): string =>
  createHash('sha256')
    .update(JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x }))
    .digest('base64url')

/** Whether the two halves belong together. Otherwise this server would sign tokens that nothing verifies. */
function isPair(x: string, d: string): boolean {
  const privateKey = createPrivateKey({ key: { kty: 'OKP', crv: 'Ed25519', x, d }, format: 'jwk' })
  return createPublicKey(privateKey).export({ format: 'jwk' }).x === x
}

function checkedKey({ x, d, kid, nbf }: z.output<typeof storedKey>, at: number): RunKey {
  const thumbprint = thumbprintOf(x)
  if (kid !== undefined && kid !== thumbprint) throw new Error(`keys.${at}.kid: must be the thumbprint of the key (RFC 7638), or left out`)
  if (d !== undefined && !isPair(x, d)) throw new Error(`keys.${at}: d does not belong to x`)
  return { kid: thumbprint, x, d: d ?? null, signsFrom: nbf }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The message of the parser quotes the text.
    throw new Error('must be a JSON Web Key Set')
  }
}

/**
 * Reads the keys of a private JSON Web Key Set, in the order in which they sign.
 * @throws Error with what is wrong; the message repeats no part of a key
 */
export function readRunKeys(text: string): readonly RunKey[] {
  const parsed = storedSet.safeParse(parseJson(text))
  if (!parsed.success)
    throw new Error(
      parsed.error.issues.map(({ path, message }) => `${path.length === 0 ? 'the set' : path.join('.')}: ${message}`).join('; '),
    )
  const keys = parsed.data.keys.map(checkedKey)
  if (new Set(keys.map(({ kid }) => kid)).size < keys.length) throw new Error('keys: the same key stands there twice')
  if (keys.every(({ d }) => d === null)) throw new Error('keys: one of them needs its private half (d)')
  return keys.toSorted((one, other) => one.signsFrom - other.signsFrom)
}

/** A text from which `readRunKeys` reads keys. */
export const runKeysText = z.string().superRefine((text, context) => {
  try {
    readRunKeys(text)
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message })
  }
})

/** The text from which `readRunKeys` reads these keys. */
export const writeRunKeys = (keys: readonly RunKey[]): string =>
  JSON.stringify({ keys: keys.map((key) => ({ ...publicKeyOf(key), ...(key.d === null ? {} : { d: key.d }), nbf: key.signsFrom })) })

/** The public half of a key, as services take it to verify. */
export interface PublicKey {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly x: string
  readonly kid: string
  readonly alg: 'EdDSA'
  readonly use: 'sig'
}

/** Makes the public half of a key. Its members are listed one by one, so nothing else of a key can get into it. */
export const publicKeyOf = ({ x, kid }: Pick<RunKey, 'x' | 'kid'>): PublicKey => ({
  kty: 'OKP',
  crv: 'Ed25519',
  x,
  kid,
  alg: 'EdDSA',
  use: 'sig',
})

/** A new key, which signs from that time on. */
export function createRunKey(signsFrom: number): RunKey {
  const { x = '', d = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  return { kid: thumbprintOf(x), x, d, signsFrom }
}

/** The key that signs now; the first one where none has begun. */
export function signingKey<K extends Pick<RunKey, 'd' | 'signsFrom'>>(keys: readonly K[], now: number): K | null {
  const withPrivateHalf = keys.filter(({ d }) => d !== null)
  return withPrivateHalf.findLast(({ signsFrom }) => signsFrom <= now) ?? withPrivateHalf[0] ?? null
}

/**
 * The keys whose tokens may still be valid, and those that are to sign. A key has gone when its follower has signed for as long as a token
 * can be valid.
 */
export function verifyingKeys<K extends Pick<RunKey, 'signsFrom'>>(keys: readonly K[], now: number): K[] {
  return keys.filter((_, at) => {
    const follower = keys[at + 1]
    return follower === undefined || now < follower.signsFrom + MAX_TOKEN_SECONDS
  })
}

/**
 * The keys with a new one. Keys that verify nothing any more go; those that have signed their last token lose their private half.
 * @param keys in the order in which they sign
 * @param now in seconds since the epoch
 */
export function rotateRunKeys(keys: readonly RunKey[], added: RunKey, now: number): readonly RunKey[] {
  const signing = signingKey(keys, now)
  const kept = verifyingKeys(keys, now).map((key) => (key === signing || key.signsFrom > now ? key : { ...key, d: null }))
  return [...kept, added].toSorted((one, other) => one.signsFrom - other.signsFrom)
}
