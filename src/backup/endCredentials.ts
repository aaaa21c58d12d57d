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
import { instanceRestored } from './events.ts'
import type { InspectedBackup } from './inspect.ts'
import type { Voucher } from './journal/vouch.ts'

/** A key of an agent that was alive when the backup was taken. */
export interface LiveKey {
  readonly id: string
  readonly companyId: string
  readonly agentId: string
  readonly agentName: string
  readonly name: string
  readonly expiresAt: string | null
  readonly scopes: readonly string[] | null
}

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

type Ended = Readonly<Record<keyof typeof endings, number>>

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

/** The credentials that ended, and the keys of agents that live on or do not. */
export interface EndedCredentials {
  readonly ended: Ended
  readonly kept: readonly LiveKey[]
  readonly revoked: readonly LiveKey[]
}

/**
 * Ends every credential of a restored database in one audited transaction: sessions, board keys, invitations, challenges. Keys of
 * agents live on only where the journal vouches for them.
 */
export async function endCredentials(store: Store, { description, digest }: InspectedBackup, voucher: Voucher): Promise<EndedCredentials> {
  return await mutate(systemCtx(store, null, 'restore'), async (tx) => {
    const live = await tx.run(liveKeys, {})
    const isDead = (key: LiveKey): boolean => voucher.problem !== null || voucher.isKeyRevoked(key)
    const [kept, revoked] = [live.filter((key) => !isDead(key)), live.filter(isDead)]
    await tx.run(revokeAgentKeys, { ids: revoked.map(({ id }) => id) })
    const counts: [string, number][] = []
    for (const { name, end } of statements) counts.push([name, (await tx.run(end, {}))[0]?.count ?? 0])
    for (const forget of [forgetServers, forgetSecrets, failBackups]) await tx.run(forget, {})
    const affected = (await tx.run(companyIds, {})).map(({ id }) => id)
    const eventFor = (companyId: string) => {
      const isOf = (key: LiveKey): boolean => companyId === NO_COMPANY || key.companyId === companyId
      const keys = { keptKeys: kept.filter(isOf).length, revokedKeyIds: revoked.filter(isOf).map(({ id }) => id) }
      return instanceRestored('restore', { takenAt: description.takenAt, digest, journalProblem: voucher.problem, ...keys }, { companyId })
    }
    const ended = Object.fromEntries(counts) as Record<keyof Ended, number>
    return changed({ ended, kept, revoked }, eventFor(NO_COMPANY), ...affected.map(eventFor))
  })
}
