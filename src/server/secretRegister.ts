import { sql } from 'drizzle-orm'
import { createHmac, randomUUID } from 'node:crypto'
import { serverSecrets } from '../model/instance.ts'
import { runOn } from '../platform/db/driver/client.ts'
import { param, statement } from '../platform/db/statement.ts'
import { transaction } from '../platform/db/transaction.ts'
import type { Store } from '../platform/db/types.ts'
import { writeUnaudited } from '../platform/db/unaudited.ts'
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

interface Registration {
  readonly serverId: string
  readonly fingerprint: string
  /** Fingerprints with which this server can work: its own, and that of the secret before. */
  readonly known: readonly string[]
}

// A secret of which no living server knows may go: an operator who lost it must be able to start with another one.
const register = statement<Registration, { seconds: number }>('server_secrets_register').unaudited(sql`
  with gone as (delete from ${serverSecrets} where lease_expires_at <= now()),
  rival as (
    select ceil(extract(epoch from lease_expires_at - now()))::int as seconds from ${serverSecrets}
    where lease_expires_at > now() and server_id <> ${param('serverId', 'uuid')} and fingerprint <> all(${param('known', 'text[]')})
    order by lease_expires_at desc limit 1),
  renewed as (
    insert into ${serverSecrets} (server_id, fingerprint, lease_expires_at)
    select ${param('serverId', 'uuid')}, ${param('fingerprint')}, now() + interval '${sql.raw(String(LEASE_SECONDS))} seconds'
    where not exists (select from rival)
    on conflict (server_id) do update set lease_expires_at = excluded.lease_expires_at)
  select seconds from rival`)

const unregister = statement<{ serverId: string }, never>('server_secrets_unregister').unaudited(
  sql`delete from ${serverSecrets} where server_id = ${param('serverId', 'uuid')}`,
)

/** The settings that decide which run tokens a server accepts, and which it signs. */
export interface SigningSettings {
  readonly secret: string
  readonly previousSecret: string | null
  readonly issuer: string
  readonly audience: string
}

/** The presence of this server in the register of secrets. */
export interface SecretRegister {
  /** Renews the registration. A rival that came while this process was stopped is logged, once. */
  readonly renew: () => Promise<void>
  /** Makes room for a server with another secret. */
  readonly leave: () => Promise<void>
}

/**
 * Registers the secret of this server for as long as it lives, and refuses to be the second server with another one: it
 * would answer 401 to the runs of the first, and the first to its runs.
 * @throws an error with a sentence for the operator
 */
export async function joinSecretRegister(store: Store, settings: SigningSettings, log: Log): Promise<SecretRegister> {
  const { secret, previousSecret, issuer, audience } = settings
  const fingerprintOf = (of: string): string =>
    createHmac('sha256', of)
      .update(`server register ${JSON.stringify([issuer, audience])}`)
      .digest('hex')
  const fingerprint = fingerprintOf(secret)
  const known = previousSecret === null ? [fingerprint] : [fingerprint, fingerprintOf(previousSecret)]
  const registration = { serverId: randomUUID(), fingerprint, known }
  const findRival = async (): Promise<number | null> => {
    const [rival] = await transaction(
      store.autocommitPool,
      async (connection) => {
        await runOn(connection, lockRegister, {})
        return await runOn(connection, register, registration)
      },
      async (_, rows) => rows,
    )
    return rival?.seconds ?? null
  }

  const seconds = await findRival()
  if (seconds !== null)
    throw startProblem(
      'Another server on this database uses another secret, issuer or audience for run tokens, so each would refuse the runs of the other: ' +
        'set PAPERCLIP_AGENT_JWT_SECRET of both to the same (that of a home is in its file agent-jwt-secret), and PAPERCLIP_AGENT_JWT_ISSUER and _AUDIENCE. ' +
        `If that server was killed just now, start again in ${seconds} s`,
    )
  let hasReported = false
  return {
    async renew() {
      if ((await findRival()) === null || hasReported) return
      hasReported = true
      log.error('another server on this database uses another secret: each refuses the runs of the other')
    },
    leave: async () => void (await writeUnaudited(store, unregister, { serverId: registration.serverId })),
  }
}
