// The token of the board: the one credential with which a person governs from anywhere.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { loadOrCreateSecretFile } from '../platform/home/secret.ts'
import { hashToken } from './tokens.ts'

/** The name of its file in the home. */
const BOARD_TOKEN_FILE = 'board-token'

/** A new token: `pcp_local_` and 48 hex digits. The prefix distinguishes it from the key of an agent, and secret scanners know `pcp_`. */
const generateBoardToken = (): string => `pcp_local_${randomBytes(24).toString('hex')}`

/** The token of the board as this process keeps it. */
export interface BoardToken {
  /** Whether a bearer is the token, by the SHA-256 of the bearer in hex digits. Takes constant time. */
  readonly matches: (hash: string) => boolean
  /** A key for another purpose. It changes with the token, and the token cannot be computed from it. */
  readonly deriveKey: (purpose: string) => Buffer
}

/** @param token as the operator has it */
export function createBoardToken(token: string): BoardToken {
  const own = Buffer.from(hashToken(token))
  return {
    matches: (hash) => timingSafeEqual(Buffer.from(hash), own),
    deriveKey: (purpose) => createHmac('sha256', token).update(purpose).digest(),
  }
}

/**
 * The token that the operator gave, or the one in the home, which is made at the first start with mode 0600.
 * @throws Error when the file is damaged or readable by others
 */
export const loadBoardToken = (home: string, given: string | null): BoardToken =>
  createBoardToken(given ?? loadOrCreateSecretFile(home, BOARD_TOKEN_FILE, generateBoardToken))
