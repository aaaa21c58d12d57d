// The accounts under which agents run when this server is root.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import type { Account, Accounts } from './isolation.ts'
import { makeTraversable } from './traversable.ts'

/** User ids from which each agent gets one. */
export interface UidRange {
  readonly first: number
  readonly size: number
}

/** Unused by every distribution, by systemd (its table of user ids ends below) and by containers' subordinate ids. */
const WIDE_RANGE: UidRange = { first: 1_900_000_000, size: 2 ** 20 }
/** For containers whose user namespace has 65,536 ids: the ids below systemd's dynamic users that no account has. */
const NARROW_RANGE: UidRange = { first: 60_706, size: 476 }

/** The registry of user ids that all servers of this host share: `<folder>/<uid>` is a link whose text is the agent's id. */
const SHARED_REGISTRY = '/var/lib/paperclip-server/uids'

function isMapped(map: string, range: UidRange): boolean {
  return map
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .some(([inside = 0, , length = 0]) => range.first >= inside && range.first + range.size <= inside + length)
}

/** The range of user ids that this user namespace knows. */
function uidRange(): UidRange {
  try {
    return isMapped(readFileSync('/proc/self/uid_map', 'latin1'), WIDE_RANGE) ? WIDE_RANGE : NARROW_RANGE
  } catch {
    return NARROW_RANGE
  }
}

/**
 * Gives an agent a user id that no other agent has. Creating a link is atomic, so two servers that ask at the same time agree
 * without a lock. An id is never given to another agent, because files of its owner may remain.
 * @throws Error when every id is taken or the registry cannot be written
 */
export function claimUid(registry: string, agentId: string, range: UidRange): number {
  const start = Number.parseInt(createHash('sha256').update(agentId).digest('hex').slice(0, 8), 16) % range.size
  for (let step = 0; step < range.size; step++) {
    const uid = range.first + ((start + step) % range.size)
    const file = path.join(registry, String(uid))
    try {
      symlinkSync(agentId, file)
      return uid
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      if (readlinkSync(file) === agentId) return uid
    }
  }
  throw new Error(`all ${range.size} user ids for agents are taken: ${registry}`)
}

function registryFolder(home: string): string {
  for (const folder of [SHARED_REGISTRY, path.join(home, 'uids')]) {
    try {
      // The account that runs the embedded Postgres has its data beside it and must get there.
      makeTraversable(path.dirname(folder), 0o755)
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      return folder
    } catch {
      // A root file system that is read-only: the ids are then separate within this server only.
    }
  }
  return path.join(home, 'uids')
}

/** One account for each agent, without an entry in passwd, as systemd makes them for `DynamicUser`. */
export function accountPerAgent(home: string, registry: string = registryFolder(home)): Accounts {
  const range = uidRange()
  const known = new Map<string, Account>()
  return {
    description: 'accounts of their own',
    areSeparate: true,
    of(agentId) {
      const account = known.get(agentId) ?? { uid: claimUid(registry, agentId, range), gid: range.first }
      known.set(agentId, account)
      return account
    },
  }
}

/** An account that is not for agents, and why: the end of a sentence that begins with its name. */
export interface ReservedAccount {
  readonly uid: number
  readonly why: string
}

/** The highest user id; the one above it means "no change" to the kernel. */
const MAX_UID = 2 ** 32 - 2

/**
 * The one account that the operator names.
 * @returns a sentence when it is not on this host, is root's or the server's own, or is reserved
 */
export function namedAccount(user: string, reserved: readonly ReservedAccount[]): Accounts | { readonly problem: string } {
  const account = lookUp(user)
  const problem = account === null ? 'this host has no such account' : reasonAgainst(account, reserved)
  if (account !== null && problem === null) return { description: `the account ${user}`, areSeparate: false, of: () => account }
  return {
    problem: `PAPERCLIP_AGENT_USER=${user} cannot run agents: ${problem}. Name another account, or leave it out, so that each agent has an account of its own`,
  }
}

function reasonAgainst({ uid }: Account, reserved: readonly ReservedAccount[]): string | null {
  if (uid === 0) return 'it is root'
  if (uid === process.getuid?.()) return 'it is the account of this server'
  return reserved.find((each) => each.uid === uid)?.why ?? null
}

/** The ids of an account by its name or number; null for a name that this host does not know. A number needs no entry. */
export function lookUp(user: string): Account | null {
  const idOf = (flag: '-u' | '-g'): number => Number(execFileSync('id', [flag, '--', user], { encoding: 'utf8', stdio: 'pipe' }))
  try {
    return { uid: idOf('-u'), gid: idOf('-g') }
  } catch {
    const id = Number(user)
    return /^\d{1,10}$/.test(user) && id <= MAX_UID ? { uid: id, gid: id } : null
  }
}
