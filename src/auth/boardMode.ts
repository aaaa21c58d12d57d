// Decides whether the board needs its token on this machine. One pure function: facts in, mode out.

import type { BoardMode } from '../platform/kernel/actor.ts'

/** The choice of the operator (`PAPERCLIP_BOARD`). */
export type BoardChoice = 'auto' | BoardMode

/** The facts of the decision. */
export interface BoardFacts {
  readonly asked: BoardChoice
  /** People sign in to this server, so no program is the board by its account. */
  readonly peopleSignIn: boolean
  /** The server listens on an address that other machines may reach. */
  readonly listensBeyondLoopback: boolean
  /** The account at the other end of a connection can be found. */
  readonly seesPeers: boolean
  /** The account of the server; null where accounts are no numbers. */
  readonly uid: number | null
  /** This server may start commands for agents. */
  readonly startsCommands: boolean
  /** The separation of agents from the account of the server. */
  readonly isolation: 'account' | 'namespace' | 'none'
}

/** The mode with its reason, or the sentence that ends the start. */
export type BoardDecision = { readonly mode: BoardMode; readonly reason: string } | { readonly problem: string }

const ROOT = 0
/** The kernel shows every account that it cannot translate under this number (overflowuid), and many services share it. */
const SHARED_UID = 65_534

/** Why the account at the other end of a local connection does not prove the board here; null when it does. */
function whyUnsafe({ listensBeyondLoopback, seesPeers, uid, startsCommands, isolation }: BoardFacts): string | null {
  if (listensBeyondLoopback) return 'HOST is not a loopback address'
  if (!seesPeers) return 'the account at the other end of a connection cannot be found on this system'
  if (uid === SHARED_UID) return `the server runs under the account ${SHARED_UID}, which others share`
  if (uid === ROOT && isolation === 'none' && startsCommands) return 'the server is root and cannot give its agents another account'
  return null
}

/** Chooses who is the board on this machine: the user of the account of the server (`implicit`), or the holder of the token (`token`). */
export function decideBoardMode(facts: BoardFacts): BoardDecision {
  if (facts.asked === 'token') return { mode: 'token', reason: 'PAPERCLIP_BOARD=token' }
  const unsafe = facts.peopleSignIn ? 'people sign in here' : whyUnsafe(facts)
  if (unsafe === null) return { mode: 'implicit', reason: 'the account of the server proves the board' }
  if (facts.asked === 'implicit') return { problem: `PAPERCLIP_BOARD=implicit is not safe here: ${unsafe}. Use PAPERCLIP_BOARD=token` }
  return { mode: 'token', reason: unsafe }
}
