import { hash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

/** `pcp_agent_`, 48 random hex digits, and 8 of their checksum. */
const AGENT_KEY = /^(pcp_agent_[0-9a-f]{48})([0-9a-f]{8})$/
/** Keys that were made before keys had a checksum. */
const PLAIN_AGENT_KEY = /^pcp_[0-9a-f]{48}$/
/** A text that begins like a key of an agent. The token of the board, and keys of boards elsewhere, have a prefix of their own. */
const LIKE_AGENT_KEY = /^pcp_(?!local_|board_)/

/** CRC-32 in hex digits. It finds what was mistyped or cut; it proves nothing. */
const checksumOf = (text: string): string => crc32(text).toString(16).padStart(8, '0')

/** A new agent API key. Shown once; only its hash is stored. */
export function generateAgentKey(): string {
  const text = `pcp_agent_${randomBytes(24).toString('hex')}`
  return text + checksumOf(text)
}

/** Whether a bearer token has the form of an agent API key, its checksum included. */
export function isAgentKey(token: string): boolean {
  const [, text, checksum] = AGENT_KEY.exec(token) ?? []
  return text === undefined ? PLAIN_AGENT_KEY.test(token) : checksumOf(text) === checksum
}

/** `pcp_board_` and 48 random hex digits: a command line of a person. */
const BOARD_KEY = /^pcp_board_[0-9a-f]{48}$/

/** Whether a bearer token has the form of the key of a command line. */
export const isBoardKey = (token: string): boolean => BOARD_KEY.test(token)

/** Whether a bearer token was meant as an agent API key and cannot be one: it was mistyped or cut. */
export const isDamagedAgentKey = (token: string): boolean => LIKE_AGENT_KEY.test(token) && !isAgentKey(token)

/** SHA-256 in hex digits. Keys are stored and looked up by it. */
export const hashToken = (token: string): string => hash('sha256', token, 'hex')
