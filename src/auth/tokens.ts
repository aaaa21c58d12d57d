import { createHash, randomBytes } from 'node:crypto'

const AGENT_KEY = /^pcp_[0-9a-f]{48}$/

/** A new agent API key: `pcp_` and 48 hex digits. Shown once; only its hash is stored. */
export const generateAgentKey = (): string => `pcp_${randomBytes(24).toString('hex')}`

/** Whether a bearer token has the form of an agent API key; every other token is taken for a run token. */
export const isAgentKey = (token: string): boolean => AGENT_KEY.test(token)

/** SHA-256 in hex digits. Keys are stored and looked up by it. */
export const hashToken = (token: string): string => createHash('sha256').update(token).digest('hex')
