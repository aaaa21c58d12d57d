// The end of all that a backup may not bring back to life: every credential that was alive then.

import { sql } from 'drizzle-orm'
import { agentKeys } from '../model/agents.ts'
import { backups } from '../model/backups.ts'
import { boardClaims } from '../model/boardClaims.ts'
import { boardKeys, cliChallenges } from '../model/boardKeys.ts'
import { companies } from '../model/companies.ts'
import { serverSecrets } from '../model/instance.ts'
import { invites, joinRequests } from '../model/invites.ts'
import { challenges, signIns } from '../model/people.ts'
import { servers } from '../model/runRecords.ts'
import { systemCtx } from '../platform/db/context.ts'
import { changed, mutate } from '../platform/db/mutate.ts'
import { param, statement } from '../platform/db/statement.ts'
import type { Store } from '../platform/db/types.ts'
import { NO_COMPANY } from '../platform/kernel/event.ts'
import { revokeKey } from '../org/agents/index.ts'
import { instanceRestored } from './events.ts'
import type { RewoundTo } from './events.ts'
import type { JournalProblem } from './journal/problems.ts'
import type { Voucher } from './journal/vouch.ts'
import type { LiveKey, RestorePlan } from './plan.ts'

const liveKeys = statement<object, LiveKey>('restore_live_keys').read(sql`
  select k.id, k.company_id as "companyId", k.agent_id as "agentId", a.name as "agentName", k.name, k.expires_at as "expiresAt", k.scopes
  from ${agentKeys} k join agents a on a.id = k.agent_id
  where k.revoked_at is null and (k.expires_at is null or k.expires_at > now()) order by k.company_id, k.agent_id, k.created_at, k.id`)

const revokeAgentKeys = statement<{ ids: string[] }, never>('restore_agent_keys').write(
  sql`update ${agentKeys} set revoked_at = now() where id = any(${param('ids', 'uuid[]')}) and revoked_at is null`,
)

// Each ends one kind of credential, and counts what it ended.
const endings = {
  boardKeys: sql`update ${boardKeys} set revoked_at = now() where revoked_at is null returning 1`,
  sessions: sql`delete from ${signIns} returning 1`,
  challenges: sql`delete from ${challenges} returning 1`,
  cliLogins: sql`delete from ${cliChallenges} where approved_at is null or expires_at > now() returning 1`,
  boardClaims: sql`delete from ${boardClaims} where claimed_at is null returning 1`,
  invites: sql`update ${invites} set revoked_at = now(), updated_at = now() where revoked_at is null and accepted_at is null returning 1`,
  joinSecrets: sql`update ${joinRequests} set claim_secret_expires_at = now() where claim_secret_consumed_at is null
    and claim_secret_expires_at > now() returning 1`,
} as const

const statements = Object.entries(endings).map(([name, ending]) => ({
  name: name as keyof typeof endings,
  end: statement<object, { count: number }>(`restore_end_${name}`).write(
    sql`with ended as (${ending}) select count(*)::int as count from ended`,
  ),
}))

// The servers of before are gone, with their secrets and what they were in the middle of.
const forgetServers = statement<object, never>('restore_servers').write(sql`delete from ${servers}`)
const forgetSecrets = statement<object, never>('restore_server_secrets').write(sql`delete from ${serverSecrets}`)
const failBackups = statement<object, never>('restore_backups').write(sql`
  update ${backups} set status = 'failed', error = 'The instance was restored from a backup that was taken meanwhile', finished_at = now()
  where finished_at is null`)

const companyIds = statement<object, { id: string }>('restore_companies').read(sql`select id from ${companies} order by created_at, id`)

// In the transaction that ends the credentials: a repeat finds either nothing ended, or what is left to do.
const notePlan = statement<{ plan: string }, never>('restore_plan').write(
  sql`update drizzle.unfinished_restore set stage = 'ended', plan = ${param('plan', 'jsonb')}`,
)

/** The origin of the restored rows, for the record. */
export interface RestoreOrigin {
  /** The time of the backup; of a physical one, of its base. */
  readonly takenAt: string
  /** Its identity: of a physical one, the digest of its list of files. */
  readonly digest: string
  /** Where the log was replayed to; null for a logical backup. */
  readonly rewoundTo: RewoundTo | null
}

/** The parts of a plan that are known before the credentials end. */
export type PlannedEnds = Pick<RestorePlan, 'runs' | 'agents' | 'keysInUse'>

const isoOf = (text: string | null): string | null =>
  text === null || Number.isNaN(Date.parse(text)) ? null : new Date(text).toISOString()

/**
 * Ends every credential of a restored database in one audited transaction: sessions, board keys, invitations, challenges. Keys of
 * agents live on only where the journal vouches for them. With it the plan is noted in the mark of the restore.
 */
export async function endCredentials(store: Store, origin: RestoreOrigin, voucher: Voucher, planned: PlannedEnds): Promise<RestorePlan> {
  return await mutate(systemCtx(store, null, 'restore'), async (tx) => {
    const live = await tx.run(liveKeys, {})
    const isDead = (key: LiveKey): boolean => voucher.problem !== null || voucher.isKeyRevoked(key)
    const [kept, revoked] = [live.filter((key) => !isDead(key)), live.filter(isDead)]
    await tx.run(revokeAgentKeys, { ids: revoked.map(({ id }) => id) })
    const counts: [string, number][] = []
    for (const { name, end } of statements) counts.push([name, (await tx.run(end, {}))[0]?.count ?? 0])
    for (const forget of [forgetServers, forgetSecrets, failBackups]) await tx.run(forget, {})
    const affected = (await tx.run(companyIds, {})).map(({ id }) => id)
    const journal: { readonly journalProblem: JournalProblem | null; readonly journalSeenUntil: string | null } = {
      journalProblem: voucher.problem,
      journalSeenUntil: isoOf(voucher.seenUntil),
    }
    const plan: RestorePlan = {
      ...planned,
      ...journal,
      ended: Object.fromEntries(counts),
      keptKeyIds: kept.map(({ id }) => id),
      revokedKeys: revoked.length,
      lostKeys: revoked.filter((key) => voucher.problem !== null && !voucher.isKeyRevoked(key)),
    }
    await tx.run(notePlan, { plan: JSON.stringify(plan) })
    const eventFor = (companyId: string) => {
      const isOf = (key: LiveKey): boolean => companyId === NO_COMPANY || key.companyId === companyId
      const keys = { keptKeys: kept.filter(isOf).length, revokedKeyIds: revoked.filter(isOf).map(({ id }) => id) }
      return instanceRestored('restore', { ...origin, ...journal, ...keys }, { companyId })
    }
    return changed(plan, eventFor(NO_COMPANY), ...affected.map(eventFor))
  })
}

const keysSince = statement<{ kept: string[] }, { id: string; companyId: string; agentId: string }>('restore_keys_since').read(sql`
  select id, company_id as "companyId", agent_id as "agentId" from ${agentKeys}
  where revoked_at is null and (expires_at is null or expires_at > now()) and id <> all(${param('kept', 'uuid[]')}) order by company_id, agent_id, id`)

/** Revokes the keys that an earlier attempt of this restore issued: it was cut before their file was there, so no party has them. */
export async function revokeKeysOfEarlierAttempt(store: Store, { keptKeyIds }: RestorePlan): Promise<void> {
  for (const { id, companyId, agentId } of await store.read.run(keysSince, { kept: keptKeyIds }))
    await revokeKey(systemCtx(store, companyId, 'restore'), agentId, id)
}
