// The secrets of a run: found and recorded in the transaction that starts it, and opened behind it, in memory only.

import { sql } from 'drizzle-orm'
import { runSecrets, secrets, secretVersions } from '../../model/secrets.ts'
import type { SecretProvider } from '../../model/secrets.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { ReadDb, Tx } from '../../platform/db/types.ts'
import { Refusal } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { isVaultLocked, openValue } from '../vault/index.ts'
import { secretRead } from './events.ts'
import { providerOf } from './providers.ts'
import { referencesIn } from './references.ts'
import type { SecretReference } from './references.ts'
import { uncoverableBecause } from './rules.ts'
import { purposeOf } from './write.ts'

/** A version of a secret as it is stored: sealed, or a name at an external provider. */
export interface StoredSecret {
  readonly secretId: string
  readonly version: number
  readonly name: string
  readonly provider: SecretProvider
  readonly keyId: string | null
  readonly sealed: Buffer | null
  readonly externalRef: string | null
}

/** A secret that a run is given, with the fields of its configuration that get the value. It is sealed until the adapter starts. */
export interface GivenSecret extends StoredSecret {
  readonly paths: readonly string[]
}

const storedColumns = sql`s.id as "secretId", v.version, s.name, s.provider, v.key_id as "keyId", v.sealed, v.external_ref as "externalRef"`

// Null is the newest version. The rows stay until this transaction ends: a deletion locks its secret alone and then looks which live runs were given it, so it
// either sees this run or is finished before, and then this run is given nothing. `run_secrets` has no foreign key that would do the same (decision 0083).
const selectNamed = statement<{ companyId: string; ids: string[]; versions: (number | null)[] }, StoredSecret & { wanted: number | null }>(
  'secret_give',
).read(sql`
  select ${storedColumns}, w.version as wanted
  from unnest(${param('ids', 'uuid[]')}, ${param('versions', 'int[]')}) w(id, version)
  join ${secrets} s on s.id = w.id and s.company_id = ${param('companyId', 'uuid')}
  join ${secretVersions} v on v.secret_id = s.id and v.version = coalesce(w.version, s.latest_version)
  order by s.id for key share of s`)

const recordGiven = statement<{ companyId: string; runId: string; ids: string[]; versions: number[] }, never>('secret_given').write(sql`
  insert into ${runSecrets} (run_id, secret_id, version, company_id)
  select ${param('runId', 'uuid')}, g.id, g.version, ${param('companyId', 'uuid')}
  from unnest(${param('ids', 'uuid[]')}, ${param('versions', 'int[]')}) g(id, version) on conflict do nothing`)

/** Adapters read references as fields or one level below. Of the names there, only those of headers may have dots. */
const MAX_LEVELS = 2
const HEADERS = 'headers.'

const isRead = ({ path }: SecretReference): boolean => path.startsWith(HEADERS) || path.split('.').length <= MAX_LEVELS

const wantedOf = ({ version }: Pick<SecretReference, 'version'>): number | null => (version === 'latest' ? null : version)

/** The run that starts. */
interface StartingRun {
  readonly companyId: string
  readonly agentId: string
  readonly runId: string
  readonly issueId: string | null
  /** The configuration that the run starts with, that of its project included. Nothing else gives a run a secret. */
  readonly config: unknown
}

/**
 * (tx) Finds the secrets that the configuration of a starting run refers to, and records each as read by the run. A reference to what does not exist any more gives nothing:
 * the adapter then ends the run with `adapter_secret_missing`.
 */
export async function giveSecrets(
  tx: Tx,
  { companyId, agentId, runId, issueId, config }: StartingRun,
): Promise<{ readonly given: readonly GivenSecret[]; readonly events: readonly DomainEvent[] }> {
  const references = referencesIn(config).filter(isRead)
  if (references.length === 0) return { given: [], events: [] }
  const wanted = [...new Map(references.map((each) => [`${each.secretId}:${each.version}`, each])).values()]
  const rows = await tx.run(selectNamed, { companyId, ids: wanted.map(({ secretId }) => secretId), versions: wanted.map(wantedOf) })
  const byVersion = new Map<string, GivenSecret>()
  for (const { wanted: asked, ...row } of rows) {
    const key = `${row.secretId}:${row.version}`
    const paths = references.filter((each) => each.secretId === row.secretId && wantedOf(each) === asked).map(({ path }) => path)
    byVersion.set(key, { ...row, paths: [...(byVersion.get(key)?.paths ?? []), ...paths] })
  }
  const given = [...byVersion.values()]
  if (given.length === 0) return { given, events: [] }
  await tx.run(recordGiven, { companyId, runId, ids: given.map(({ secretId }) => secretId), versions: given.map(({ version }) => version) })
  const events = given.map(({ secretId, name, version, paths }) =>
    secretRead(secretId, { name, version, issueId, fields: [...paths].toSorted() }, { agentId, runId }),
  )
  return { given, events }
}

/** The trouble with a secret, without its value. */
export interface SecretTrouble {
  readonly secretId: string
  readonly version: number
  readonly reason: 'vault_locked' | 'provider_unavailable' | 'value_missing' | 'value_not_coverable'
}

type Opened = { readonly value: string } | { readonly trouble: SecretTrouble }

/** Opens a stored version. @throws when the database is away */
export async function openStored(db: Pick<ReadDb, 'run'>, companyId: string, stored: StoredSecret): Promise<Opened> {
  const { secretId, version, keyId, sealed } = stored
  const trouble = (reason: SecretTrouble['reason']): Opened => ({ trouble: { secretId, version, reason } })
  if (keyId !== null && sealed !== null) {
    try {
      return { value: await openValue(db, companyId, purposeOf(secretId, version), { keyId, sealed }) }
    } catch (error) {
      // Not tried again: another attempt ends in the same way until the operator gives the server its key.
      if (isVaultLocked(error)) return trouble('vault_locked')
      throw error
    }
  }
  try {
    const value = (await providerOf(stored.provider)?.read(stored.externalRef ?? '')) ?? null
    if (value === null || value === '' || value.includes('\0')) return trouble('value_missing')
    return uncoverableBecause(value) === null ? { value } : trouble('value_not_coverable')
  } catch (error) {
    return trouble(error instanceof Refusal ? 'value_missing' : 'provider_unavailable')
  }
}

/** The values of the fields of a configuration, and what could not be opened. */
export interface OpenedSecrets {
  readonly values: Readonly<Record<string, string>>
  readonly troubles: readonly SecretTrouble[]
}

/** Opens what a run was given. The values are kept by the caller alone. @throws when the database is away */
export async function openGiven(db: Pick<ReadDb, 'run'>, companyId: string, given: readonly GivenSecret[]): Promise<OpenedSecrets> {
  const opened = await Promise.all(given.map(async (each) => ({ each, result: await openStored(db, companyId, each) })))
  const values = opened.flatMap(({ each, result }) => ('value' in result ? each.paths.map((path) => [path, result.value] as const) : []))
  return { values: Object.fromEntries(values), troubles: opened.flatMap(({ result }) => ('trouble' in result ? [result.trouble] : [])) }
}
