import { createHmac } from 'node:crypto'

/** Says whether two secrets are the same, and nothing about either. @param purpose so that the same secret has another one elsewhere */
export const fingerprintOf = (secret: string, purpose: string): string => createHmac('sha256', secret).update(purpose).digest('hex')

/** The purpose under which servers register the secret of sessions. */
export const SESSIONS_PURPOSE = 'server register of sessions'
