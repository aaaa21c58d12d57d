// Encryption of what the server must read again, with the secrets of BETTER_AUTH_SECRET.

import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto'

const NONCE_BYTES = 12
const TAG_BYTES = 16

/** A text that was encrypted. */
export interface Sealed {
  readonly sealed: string
  /** Names the secret that encrypted it, and says nothing about it. */
  readonly sealedWith: string
}

export interface Seal {
  /** The name of the secret that encrypts. */
  readonly name: string
  close(text: string): Sealed
  /** The text; null when none of the secrets encrypted it. */
  open(sealed: string): string | null
}

const keyOf = (secret: string): Buffer => createHmac('sha256', secret).update('second factors').digest()
const nameOf = (key: Buffer): string => createHash('sha256').update('name').update(key).digest('base64url').slice(0, 16)

function opened(key: Buffer, sealed: Buffer): string | null {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES))
    decipher.setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8')
  } catch {
    return null
  }
}

/** @param secrets the secret that encrypts, and those before it, which still open */
export function createSeal(secrets: readonly [string, ...string[]]): Seal {
  const keys = secrets.map(keyOf)
  const newest = keyOf(secrets[0])
  return {
    name: nameOf(newest),
    close(text) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', newest, nonce)
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return { sealed: Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url'), sealedWith: nameOf(newest) }
    },
    open(sealed) {
      const bytes = Buffer.from(sealed, 'base64url')
      return keys.reduce<string | null>((text, key) => text ?? opened(key, bytes), null)
    },
  }
}
