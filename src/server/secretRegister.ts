import { sql } from 'drizzle-orm'
import { randomUUID } from 'node:crypto'
import type { RunKeyIds } from '../auth/runTokens.ts'
import { serverSecrets } from '../model/instance.ts'
import { runOn } from '../platform/db/driver/client.ts'
import { param, statement } from '../platform/db/statement.ts'
import { transaction } from '../platform/db/transaction.ts'
import type { Store } from '../platform/db/types.ts'
import { writeUnaudited } from '../platform/db/unaudited.ts'
import { fingerprintOf, SESSIONS_PURPOSE } from '../platform/home/fingerprint.ts'
import type { Log } from '../platform/kernel/log.ts'
import { startProblem } from '../platform/kernel/startProblem.ts'

/** How often a living server says so, and how long it is believed: the lease of a run that a server supervises. */
export const REGISTER_INTERVAL_MS = 10_000
const LEASE_SECONDS = 30

/** The key of the advisory lock under which servers register, so that two that start at once see each other. */
const REGISTER_LOCK = 7_203_313

const lockRegister = statement<object, { locked: string }>('server_secrets_lock').read(
  sql`select pg_advisory_xact_lock(${sql.raw(String(REGISTER_LOCK))})::text as locked`,
)

/** The setting that two servers have different, by its name in the log. */
type Difference = 'run_secret' | 'run_key' | 'session_secret'

interface Registration {
  readonly serverId: string
  readonly fingerprint: string
  readonly runKeyId: string | null
  readonly sessionFingerprint: string | null
  /** Fingerprints with which this server can work: its own, and that of the secret before. */
  readonly known: readonly string[]
  readonly knownRunKeys: readonly string[]
  /** Null where people do not sign in: this server never looks at a session then. */
  readonly knownSessions: readonly string[] | null
}

interface Rival {
  readonly seconds: number
  readonly difference: Difference
}

// A secret of which no living server knows may go: an operator who lost it must be able to start with another one. `<> all` of an empty list
// is true for null, too.
const register = statement<Registration, Rival>('server_secrets_register').unaudited(sql`
  with gone as (delete from ${serverSecrets} where lease_expires_at <= now()),
  rival as (
    select lease_expires_at, case when fingerprint <> all(${param('known', 'text[]')}) then 'run_secret'
      when run_key_id is not null and run_key_id <> all(${param('knownRunKeys', 'text[]')}) then 'run_key'
      when session_fingerprint <> all(${param('knownSessions', 'text[]')}) then 'session_secret' end as difference
    from ${serverSecrets} where lease_expires_at > now() and server_id <> ${param('serverId', 'uuid')}),
  renewed as (
    insert into ${serverSecrets} (server_id, fingerprint, run_key_id, session_fingerprint, lease_expires_at)
    select ${param('serverId', 'uuid')}, ${param('fingerprint')}, ${param('runKeyId', 'text')}, ${param('sessionFingerprint', 'text')},
      now() + interval '${sql.raw(String(LEASE_SECONDS))} seconds'
    where not exists (select from rival where difference is not null)
    on conflict (server_id) do update set lease_expires_at = excluded.lease_expires_at, run_key_id = excluded.run_key_id)
  select ceil(extract(epoch from lease_expires_at - now()))::int as seconds, difference
  from rival where difference is not null order by lease_expires_at desc limit 1`)

const unregister = statement<{ serverId: string }, never>('server_secrets_unregister').unaudited(
  sql`delete from ${serverSecrets} where server_id = ${param('serverId', 'uuid')}`,
)

/** The settings that decide which tokens and sessions a server accepts, and with what it signs them. */
export interface SigningSettings {
  readonly secret: string
  readonly previousSecret: string | null
  readonly issuer: string
  readonly audience: string
  /** The keys of run tokens as they are now; a rotation changes them while the server runs. */
  readonly runKeyIds: () => Promise<RunKeyIds>
  /** The secrets of sessions, the present one first; null where people do not sign in. */
  readonly sessionSecrets: readonly string[] | null
}

/** The presence of this server in the register of secrets. */
export interface SecretRegister {
  /** Renews the registration. A rival that came while this process was stopped is logged, once, when it is found a second time. */
  readonly renew: () => Promise<void>
  /** Makes room for a server with another secret. */
  readonly leave: () => Promise<void>
}

const fingerprintsOf = (secrets: readonly string[], purpose: string): string[] => secrets.map((secret) => fingerprintOf(secret, purpose))

/** The part of a registration that stays the same while the server runs. */
function fingerprints({ secret, previousSecret, issuer, audience, sessionSecrets }: SigningSettings) {
  const secrets = previousSecret === null ? [secret] : [secret, previousSecret]
  const known = fingerprintsOf(secrets, `server register ${JSON.stringify([issuer, audience])}`)
  const knownSessions = sessionSecrets === null ? null : fingerprintsOf(sessionSecrets, SESSIONS_PURPOSE)
  return { fingerprint: known[0] ?? '', known, sessionFingerprint: knownSessions?.[0] ?? null, knownSessions }
}

const sentences: Readonly<Record<Difference, string>> = {
  run_secret:
    'Another server on this database uses another secret, issuer or audience for run tokens, so each would refuse the runs of the other: ' +
    'set PAPERCLIP_AGENT_JWT_SECRET of both to the same (that of a home is in its file agent-jwt-secret), and PAPERCLIP_AGENT_JWT_ISSUER and _AUDIENCE',
  run_key:
    'Another server on this database signs run tokens with a key that this one does not have, so this one would refuse its runs: ' +
    'set PAPERCLIP_AGENT_JWT_KEYS of both to the same (that of a home is in its file agent-jwt-keys)',
  session_secret:
    'Another server on this database signs sessions with another secret, so each would sign out the people of the other: ' +
    'set BETTER_AUTH_SECRET of both to the same (that of a home is in its file auth-secret); while it is being replaced, name both secrets in it',
}

/**
 * Registers with what this server signs for as long as it lives, and refuses to be the second server with something else: it would answer
 * 401 to the runs and people of the first, or the first to its.
 * @throws an error with a sentence for the operator
 */
export async function joinSecretRegister(store: Store, settings: SigningSettings, log: Log): Promise<SecretRegister> {
  const lasting = { serverId: randomUUID(), ...fingerprints(settings) }
  const findRival = async (): Promise<Rival | null> => {
    const { signing, verifying } = await settings.runKeyIds()
    const [rival] = await transaction(
      store.autocommitPool,
      async (connection) => {
        await runOn(connection, lockRegister, {})
        return await runOn(connection, register, { ...lasting, runKeyId: signing, knownRunKeys: verifying })
      },
      async (_, rows) => rows,
    )
    return rival ?? null
  }

  const found = await findRival()
  if (found !== null)
    throw startProblem(`${sentences[found.difference]}. If that server was killed just now, start again in ${found.seconds} s`)
  let roundsWithRival = 0
  let hasLeft = false
  let renewing: Promise<Rival | null> = Promise.resolve(null)
  return {
    async renew() {
      if (hasLeft) return
      renewing = findRival()
      const rival = await renewing
      roundsWithRival = rival === null ? 0 : roundsWithRival + 1
      // Servers of one home read a key that replaces all others within one round, not at the same time.
      if (rival === null || roundsWithRival !== 2) return
      log.error(
        { difference: rival.difference },
        'another server on this database uses another secret: each refuses the runs or people of the other',
      )
    },
    async leave() {
      // A renewal in progress that committed behind the removal would keep others out for the rest of its time.
      hasLeft = true
      await renewing.catch(() => {})
      await writeUnaudited(store, unregister, { serverId: lasting.serverId })
    },
  }
}
