// The proofs of the board on this server: the account, the token, the cookie.

import type { BoardMode } from '../platform/kernel/actor.ts'
import type { BoardSessions } from './boardSessions.ts'
import type { BoardToken } from './boardToken.ts'
import type { CheckCaller } from './localCaller.ts'

export interface BoardAccess {
  readonly mode: BoardMode
  /** Why this mode, as part of a sentence. */
  readonly reason: string
  readonly token: BoardToken
  readonly sessions: BoardSessions
  /** Checks the other end of a local connection; null where that cannot be seen. */
  readonly checkCaller: CheckCaller | null
}
