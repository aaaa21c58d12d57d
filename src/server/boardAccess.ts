import type { BoardAccess } from '../auth/boardAccess.ts'
import { decideBoardMode } from '../auth/boardMode.ts'
import type { BoardFacts } from '../auth/boardMode.ts'
import { createBoardSessions, createSharedBoardMemory } from '../auth/boardSessions.ts'
import { loadBoardToken } from '../auth/boardToken.ts'
import { createCallerCheck } from '../auth/localCaller.ts'
import type { LocalRuns } from '../auth/localCaller.ts'
import { createPeerLookup, ownUid, probePeerLookup } from '../auth/peerLookup.ts'
import type { Peers } from '../platform/kernel/peers.ts'
import type { AdapterType } from '../model/adapterTypes.ts'
import type { Config } from './config.ts'
import { loopbackHosts } from './deployment.ts'

/** Adapters that send requests and start no command. */
const requestAdapters: ReadonlySet<AdapterType> = new Set(['http', 'openclaw_gateway'])

/** Whether this server may start commands for agents. */
export const startsCommands = ({ adapters }: Pick<Config, 'adapters'>): boolean =>
  adapters === null || adapters.some((type) => !requestAdapters.has(type))

/**
 * Opens the proofs of the board: decides the mode, loads the token, tries the look-up of accounts.
 * @param isolation how the agents of this server are kept from it
 * @param runs the runs of this server; null as long as it runs none
 * @param peers the other workers; null for a server that is one process
 * @throws Error with a sentence for the operator when the wanted mode is not safe here, or the file of the token is damaged
 */
export async function openBoardAccess(
  config: Config,
  isolation: BoardFacts['isolation'],
  runs: () => LocalRuns | null,
  peers: Peers | null,
): Promise<BoardAccess> {
  const lookUp = createPeerLookup()
  const seesPeers = await probePeerLookup(lookUp)
  const uid = ownUid()
  const facts: BoardFacts = {
    asked: config.board,
    peopleSignIn: config.deployment.mode === 'authenticated',
    listensBeyondLoopback: !loopbackHosts.has(config.host),
    seesPeers,
    uid,
    startsCommands: startsCommands(config),
    isolation,
  }
  const decision = decideBoardMode(facts)
  if ('problem' in decision) throw new Error(decision.problem)
  const token = loadBoardToken(config.home, config.boardToken)
  const checkCaller = seesPeers ? createCallerCheck({ lookUp, ownUid: uid, runs }) : null
  const sessions = peers === null ? createBoardSessions(token) : createBoardSessions(token, Date.now, createSharedBoardMemory(peers))
  return { ...decision, token, sessions, checkCaller }
}
