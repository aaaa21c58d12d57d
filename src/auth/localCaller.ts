// Decides who is at the other end of a local connection: the board, another account, or a process of a run.

import type { Socket } from 'node:net'
import type { AnonymousReason } from '../platform/kernel/actor.ts'
import { connectionOf } from './peerLookup.ts'
import type { PeerLookup } from './peerLookup.ts'
import type { Peer } from './peerTable.ts'

/** Whose process has a socket: one of a run (null when the run is not known), another process, or none that can be seen. */
export type SocketOwner =
  | { readonly kind: 'run'; readonly runId: string | null }
  | { readonly kind: 'other' }
  | { readonly kind: 'unknown' }

/** The runs of this server. They have processes on this machine, possibly under the account of the server. */
export interface LocalRuns {
  /** Whether this server supervises a run now. */
  isAnyLive(): boolean
  /** Whether a process of a run may exist: while a run is live, and for a minute after the last one and after the start. */
  mayHaveProcesses(): boolean
  /** Finds the owner of a socket of this machine. */
  ownerOf(inode: number): Promise<SocketOwner>
  /** Leaves a line in the events of a run: one of its processes sent a request without its token. */
  recordRefusal(runId: string): void
}

/** The account at the other end, and whether a request from it without a credential is the board. */
export interface LocalCaller {
  readonly uid: number | null
  /** Null when it is the board. */
  readonly refusal: AnonymousReason | null
}

export interface LocalCallerDeps {
  readonly lookUp: PeerLookup
  /** The account of this server; null where accounts are no numbers, and then no caller is the board. */
  readonly ownUid: number | null
  /** The runs of this server; null as long as it runs none. */
  readonly runs: () => LocalRuns | null
}

/** Checks the other end of a connection. */
export type CheckCaller = (socket: Socket) => LocalCaller | Promise<LocalCaller>

const ROOT = 0

/**
 * Creates the check. The program at the other end of a connection does not change, so each connection is checked once, with its
 * first request.
 *
 * Only the account of this server and root are the board. Where runs share that account, a process of a run is
 * anonymous, and so is a process that cannot be found while a run is live.
 */
export function createCallerCheck(deps: LocalCallerDeps): CheckCaller {
  const checked = new WeakMap<Socket, LocalCaller | Promise<LocalCaller>>()
  return (socket) => {
    const known = checked.get(socket)
    if (known !== undefined) return known
    const pending = decide(deps, socket).then((caller) => {
      checked.set(socket, caller)
      return caller
    })
    checked.set(socket, pending)
    return pending
  }
}

async function decide({ lookUp, ownUid, runs }: LocalCallerDeps, socket: Socket): Promise<LocalCaller> {
  const connection = connectionOf(socket)
  const peer = connection === null ? null : await lookUp(connection)
  if (peer === null) return { uid: null, refusal: 'peer_unknown' }
  if (peer.uid !== ownUid && peer.uid !== ROOT) {
    await recordOtherAccount(runs(), peer)
    return { uid: peer.uid, refusal: 'other_account' }
  }
  return { uid: peer.uid, refusal: peer.uid === ownUid ? await refusalOfOwnAccount(runs(), peer) : null }
}

/** Agents may have an account of their own. The look-up is for the record only, and has to end before the client disconnects. */
async function recordOtherAccount(runs: LocalRuns | null, { inode }: Peer): Promise<void> {
  if (runs === null || inode === null || !runs.isAnyLive()) return
  recordIfRun(runs, await runs.ownerOf(inode))
}

function recordIfRun(runs: LocalRuns, owner: SocketOwner): void {
  if (owner.kind === 'run' && owner.runId !== null) runs.recordRefusal(owner.runId)
}

/** Whether a process under the account of the server is one of a run. It is looked for only while there may be one. */
async function refusalOfOwnAccount(runs: LocalRuns | null, { inode }: Peer): Promise<AnonymousReason | null> {
  if (runs === null || !runs.mayHaveProcesses()) return null
  const owner: SocketOwner = inode === null ? { kind: 'unknown' } : await runs.ownerOf(inode)
  recordIfRun(runs, owner)
  if (owner.kind === 'run') return 'run'
  return owner.kind === 'unknown' && runs.isAnyLive() ? 'owner_unknown' : null
}
