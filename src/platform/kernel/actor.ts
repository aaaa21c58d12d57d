/**
 * How a request proved that it is the board. `ambient`: it has no credential, and its connection belongs to the account of the
 * server or to root. `token`: the token of the board. `cookie`: the cookie that a one-time link gave to a browser. `session`: a
 * person signed in. `board_key`: the key of a command line that a person let in.
 */
export type BoardProof = 'ambient' | 'token' | 'cookie' | 'session' | 'board_key'

/** The roles of people in a company, the strongest first. `auth/permissions.ts` says what each may do. */
export const memberRoles = ['owner', 'admin', 'operator', 'viewer'] as const
export type MemberRole = (typeof memberRoles)[number]

/** Permissions that a member may have beyond its role, by their names in Paperclip's API. */
export const grantKeys = [
  'agents:create',
  'users:invite',
  'users:manage_permissions',
  'tasks:assign',
  'tasks:assign_scope',
  'joins:approve',
] as const
export type GrantKey = (typeof grantKeys)[number]

/** The session or the key by which a person acts. */
export interface PersonSession {
  readonly id: string
  readonly name: string
  /** Null for the local board, which has no account. */
  readonly email: string | null
}

/** Whether the account of the server proves the board on this machine (`implicit`), or only its token does (`token`). */
export type BoardMode = 'implicit' | 'token'

/** A person. */
export interface BoardActor {
  readonly kind: 'board'
  readonly userId: string
  readonly isAdmin: boolean
  readonly via: BoardProof
  /** The account at the other end of the connection; null when it was not looked up. */
  readonly uid: number | null
  /** The roles of the person by company; null for one that may do everything in every company. */
  readonly companies: ReadonlyMap<string, MemberRole> | null
  /** The grants of the person beyond its roles, by company. */
  readonly grants: ReadonlyMap<string, readonly GrantKey[]>
  /** The role in the company that the request is about; null while that is not known, and for requests about no company. */
  readonly role: MemberRole | null
  /** Null for the board of this machine by its account or its cookie, and for the holder of its token. */
  readonly session: PersonSession | null
}

/** The limits that a key or token may have. `permissions.ts` says what each may do. */
export const keyScopes = ['read', 'comment', 'work'] as const
export type KeyScope = (typeof keyScopes)[number]

export interface AgentActor {
  readonly kind: 'agent'
  readonly agentId: string
  /** For people who read the log. It decides nothing. */
  readonly agentName?: string
  readonly companyId: string
  readonly role: string
  readonly canCreateAgents: boolean
  /** Those of its grants that `auth/power.ts` lets agents use. */
  readonly grants: readonly GrantKey[]
  readonly via: 'key' | 'token'
  /** The agent key of the request, for the audit of revocations; null for a token. */
  readonly keyId: string | null
  /** The limits of the key, also of a run that was opened with it; null for a credential that may do what its agent may. */
  readonly scopes: readonly KeyScope[] | null
  /** The acting run: named by the token, or by the header next to a key. Null when the request names none. */
  readonly runId: string | null
}

/** The server itself: reaper, scheduler, start-up. */
export interface SystemActor {
  readonly kind: 'system'
  readonly task: string
}

/** Why a request without a credential is not the board. `auth/anonymous.ts` has the sentence for each. */
export type AnonymousReason =
  | 'elsewhere'
  | 'foreign_host'
  | 'through_proxy'
  | 'token_mode'
  | 'foreign_page'
  | 'other_account'
  | 'run'
  | 'owner_unknown'
  | 'peer_unknown'
  | 'not_signed_in'
  | 'session_ended'

export interface Anonymous {
  readonly kind: 'anonymous'
  readonly reason: AnonymousReason
  /** The account of the program at the other end; null when it was not looked up or not found. */
  readonly uid: number | null
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

/** The actor as one text: type and id. */
export function actorKeyOf(actor: Actor): string {
  const { actorType, actorId } = actorColumns(actor)
  return `${actorType}:${actorId}`
}

/** The acting run of an actor; null when it has none. */
export const actingRunIdOf = (actor: Actor): string | null => (actor.kind === 'agent' ? actor.runId : null)

/** The author of a row as two columns: the agent or the person. Both are null for the server itself. */
export const authorOf = (actor: Actor): { readonly agentId: string | null; readonly userId: string | null } => ({
  agentId: actor.kind === 'agent' ? actor.agentId : null,
  userId: actor.kind === 'board' ? actor.userId : null,
})
