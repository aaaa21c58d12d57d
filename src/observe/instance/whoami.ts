import type { z } from 'zod'
import { anonymousReason } from '../../auth/anonymous.ts'
import type { BoardAccess } from '../../auth/boardAccess.ts'
import type { Actor, AgentActor, BoardActor } from '../../platform/kernel/actor.ts'
import type { whoamiView } from './views.ts'

type Whoami = z.output<typeof whoamiView>

const boardReasons: Readonly<Record<BoardActor['via'], string>> = {
  ambient: 'the request has no credential and comes from the account of the server or from root on this machine',
  token: 'the bearer is the token of the board',
  cookie: 'the browser signed in by a one-time link of the board',
  session: 'the person signed in',
  board_key: 'the bearer is the key of a command line that a person let in',
}
const agentReasons: Readonly<Record<AgentActor['via'], string>> = {
  key: 'the bearer is an API key of the agent',
  token: 'the bearer is the token of a live run of the agent',
}
const boardCredentials = {
  ambient: 'none',
  token: 'board_token',
  cookie: 'board_cookie',
  session: 'session',
  board_key: 'board_key',
} as const
const agentCredentials = { key: 'agent_key', token: 'run_token' } as const

const membershipsOf = ({ companies, grants }: BoardActor): Whoami['memberships'] =>
  companies === null ? null : [...companies].map(([companyId, role]) => ({ companyId, role, grants: [...(grants.get(companyId) ?? [])] }))

/** Says who a caller is and why. */
export function whoami(actor: Actor, { mode, reason: modeReason }: Pick<BoardAccess, 'mode' | 'reason'>): Whoami {
  const no = { userId: null, agentId: null, companyId: null, runId: null, uid: null, memberships: null } as const
  const nothing = { ...no, credential: 'none', mode, modeReason } as const
  switch (actor.kind) {
    case 'board':
      return {
        ...nothing,
        kind: 'board',
        userId: actor.userId,
        uid: actor.uid,
        credential: boardCredentials[actor.via],
        reason: boardReasons[actor.via],
        memberships: membershipsOf(actor),
      }
    case 'agent':
      return {
        ...nothing,
        kind: 'agent',
        agentId: actor.agentId,
        companyId: actor.companyId,
        runId: actor.runId,
        credential: agentCredentials[actor.via],
        reason: agentReasons[actor.via],
      }
    case 'anonymous':
      return { ...nothing, kind: 'anonymous', uid: actor.uid, reason: anonymousReason(actor) }
    case 'system':
      return { ...nothing, kind: 'anonymous', reason: 'the server itself sends no requests' }
  }
}
