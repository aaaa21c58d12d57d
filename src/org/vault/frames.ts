// How bytes are sealed: AES-256-GCM with a random initialisation vector and a purpose that is bound to them. Pure, but for the vector.

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/** The first byte of everything that is sealed, so that another cipher can follow one day. */
const VERSION = 1
const IV_BYTES = 12
const TAG_BYTES = 16
const HEAD_BYTES = 1 + IV_BYTES + TAG_BYTES

/** The bytes of every key. */
export const KEY_BYTES = 32

/**
 * Seals bytes as `version | vector | tag | ciphertext`.
 * @param purpose opens them again, and no other text does
 */
export function sealBytes(key: Buffer, purpose: string, plain: Buffer): Buffer {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(purpose))
  const body = Buffer.concat([cipher.update(plain), cipher.final()])
  return Buffer.concat([Buffer.of(VERSION), iv, cipher.getAuthTag(), body])
}

/** Opens what `sealBytes` sealed. @returns null for another key, another purpose, or bytes that were changed */
export function openBytes(key: Buffer, purpose: string, sealed: Buffer): Buffer | null {
  if (sealed.length < HEAD_BYTES || sealed[0] !== VERSION) return null
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(1, 1 + IV_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(purpose))
    .setAuthTag(sealed.subarray(1 + IV_BYTES, HEAD_BYTES))
  try {
    return Buffer.concat([decipher.update(sealed.subarray(HEAD_BYTES)), decipher.final()])
  } catch {
    return null
  }
}
