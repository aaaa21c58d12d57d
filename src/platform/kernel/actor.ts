/** A person. In local mode every loopback request without credentials is the local board user. */
export interface BoardActor {
  readonly kind: 'board'
  readonly userId: string
  readonly isAdmin: boolean
}

export interface AgentActor {
  readonly kind: 'agent'
  readonly agentId: string
  readonly companyId: string
  readonly role: string
  readonly canCreateAgents: boolean
  readonly via: 'key' | 'token'
  /** The agent key of the request, for the audit of revocations; null for a token. */
  readonly keyId: string | null
  /** The acting run: named by the token, or by the header next to a key. Null when the request names none. */
  readonly runId: string | null
}

/** The server itself: reaper, scheduler, start-up. */
export interface SystemActor {
  readonly kind: 'system'
  readonly task: string
}

export interface Anonymous {
  readonly kind: 'anonymous'
}

export type Actor = BoardActor | AgentActor | SystemActor | Anonymous

/** The actor as the two columns of an audit row. */
export function actorColumns(actor: Actor): { actorType: 'agent' | 'user' | 'system'; actorId: string } {
  switch (actor.kind) {
    case 'agent':
      return { actorType: 'agent', actorId: actor.agentId }
    case 'board':
      return { actorType: 'user', actorId: actor.userId }
    case 'system':
      return { actorType: 'system', actorId: actor.task }
    case 'anonymous':
      return { actorType: 'system', actorId: 'anonymous' }
  }
}

/** The acting run of an actor; null when it has none. */
export const actingRunIdOf = (actor: Actor): string | null => (actor.kind === 'agent' ? actor.runId : null)

/** The author of a row as two columns: the agent or the person. Both are null for the server itself. */
export const authorOf = (actor: Actor): { readonly agentId: string | null; readonly userId: string | null } => ({
  agentId: actor.kind === 'agent' ? actor.agentId : null,
  userId: actor.kind === 'board' ? actor.userId : null,
})
