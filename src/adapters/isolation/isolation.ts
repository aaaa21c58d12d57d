// Isolation of runs: the kinds, the result of the probe, and what one run sees of this host.

/** The choices of the operator; `auto` takes the strongest that works here. */
export const isolationModes = ['auto', 'account', 'namespace', 'none'] as const
export type IsolationMode = (typeof isolationModes)[number]

/**
 * `account`: agents have a user id that is not the server's. `namespace`: agents have the server's user id, and see neither its
 * processes nor its files. `none`: agents have the rights of the server.
 */
export type IsolationKind = 'account' | 'namespace' | 'none'

/** A user id and a group id. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

/** The accounts of agents under a server that is root. */
export interface Accounts {
  /** A phrase for the reason: whose accounts these are. */
  readonly description: string
  /** Whether each agent has an account of its own. */
  readonly areSeparate: boolean
  /** The account of an agent: the same one at each call, at each start, and in each server of this host. */
  of(agentId: string): Account
}

/** The program that makes the namespaces of a run. */
export interface NamespaceTool {
  readonly name: 'bubblewrap' | 'unshare'
  readonly file: string
}

/** How agents are separated from this server, as the probe found that it works here. */
export interface Isolation {
  readonly kind: IsolationKind
  /** One sentence: why it is this kind and no stronger one. */
  readonly reason: string
  /** Makes a namespace for each run, also where agents have accounts. Null where no tool can. */
  readonly tool: NamespaceTool | null
  /** Null unless `kind` is `account`. */
  readonly accounts: Accounts | null
  /** The ways that do not work here, one sentence each. */
  readonly failures: readonly string[]
}

/** No isolation, and why. */
export const notIsolated = (reason: string, failures: readonly string[] = []): Isolation => ({
  kind: 'none',
  reason,
  tool: null,
  accounts: null,
  failures,
})

/** A folder or file that every agent may use, as the operator allows it. */
export interface AllowedPath {
  readonly path: string
  readonly isReadOnly: boolean
}

/** One entry of what a run sees: a folder or a file of this host, or a symbolic link. */
export type Mount =
  | { readonly kind: 'bind'; readonly source: string; readonly target: string; readonly isReadOnly: boolean }
  | { readonly kind: 'link'; readonly target: string; readonly to: string }

/** The files that a tool needs of the operator's home, relative to it, and the variables of the server's environment. */
export interface ToolNeeds {
  /** Files in which the tool keeps its sign-in. Copied to the agent's home, and copied back when the tool has refreshed them. */
  readonly signIn: readonly string[]
  /** Files and folders with settings. Copied to the agent's home, and never back: the operator's own sessions execute them. */
  readonly settings: readonly string[]
  /** Variables that a command inherits in addition to those of every command. */
  readonly variables: readonly string[]
}

/** A program about which nothing is known needs nothing of the operator's home. */
export const noNeeds: ToolNeeds = { signIn: [], settings: [], variables: [] }

/** A path that isolation keeps from a run, and the one setting that changes it. */
export interface IsolationProblem {
  readonly path: string
  readonly message: string
  readonly setting: string
}

export const isWithin = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`)
