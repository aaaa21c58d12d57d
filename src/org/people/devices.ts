// The cookie by which a browser that has signed in to an account before is known.

import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto'

const COOKIE = 'paperclip_device'
const SECONDS = 180 * 86_400

export interface Devices {
  readonly cookieName: string
  /** The id of a device that is known to an account; null for another one. It opens nothing. */
  idOf(value: string | null, userId: string): string | null
  /** A `Set-Cookie` that makes a device known to an account, on the pages as well as for the API. */
  cookieFor(deviceId: string | null, userId: string): string
}

const cookieValue = /^([0-9a-f-]{36})\.([\w-]{43})$/

/**
 * @param secrets the secret that signs, and those before it
 * @param isSecure whether people reach this server over https
 */
export function createDevices(secrets: readonly [string, ...string[]], isSecure: boolean): Devices {
  const sign = (secret: string, deviceId: string, userId: string): string =>
    createHmac('sha256', secret).update(`device ${deviceId} ${userId}`).digest('base64url')
  return {
    cookieName: COOKIE,
    idOf(value, userId) {
      const [, deviceId, signature] = cookieValue.exec(value ?? '') ?? []
      if (deviceId === undefined || signature === undefined) return null
      const given = Buffer.from(signature)
      return secrets.some((secret) => timingSafeEqual(Buffer.from(sign(secret, deviceId, userId)), given)) ? deviceId : null
    },
    cookieFor(deviceId, userId) {
      const id = deviceId ?? randomUUID()
      const value = `${id}.${sign(secrets[0], id, userId)}`
      return `${COOKIE}=${value}; Path=/; Max-Age=${SECONDS}; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`
    },
  }
}
