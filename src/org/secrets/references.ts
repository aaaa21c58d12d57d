// References to secrets in configurations: where they may stand, and that what they name exists.

import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { secrets, secretVersions } from '../../model/secrets.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Tx } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'

/** A reference, with the path of the field that it stands in: `env.API_KEY`. */
export interface SecretReference {
  readonly path: string
  readonly secretId: string
  readonly version: number | 'latest'
}

/** The depth of a configuration. Adapters read references as fields or one level below. */
const MAX_DEPTH = 16

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

// A number may also be sent as text, as the public server's pages do it.
const stored = z.object({
  secretId: z.uuid().transform((id) => id.toLowerCase()),
  version: z
    .union([
      z.literal('latest'),
      z.int().min(1),
      z
        .string()
        .regex(/^[1-9]\d{0,8}$/)
        .transform(Number),
    ])
    .nullish()
    .transform((version) => version ?? ('latest' as const)),
})

/** Every object of the form of a reference, at any depth; null for one that can name no secret. */
function* walk(value: unknown, path: readonly string[]): Generator<{ path: string; reference: SecretReference | null }> {
  if (path.length > MAX_DEPTH || typeof value !== 'object' || value === null) return
  if (isRecord(value) && value['type'] === 'secret_ref') {
    const at = path.join('.')
    const { data } = stored.safeParse(value)
    yield { path: at, reference: data === undefined ? null : { path: at, ...data } }
    return
  }
  for (const [name, item] of Object.entries(value)) yield* walk(item, [...path, name])
}

/** The references of a configuration that can name a secret, with their paths. */
export const referencesIn = (config: unknown): SecretReference[] => [...walk(config, [])].flatMap(({ reference }) => reference ?? [])

const keyOf = ({ secretId, version }: Pick<SecretReference, 'secretId' | 'version'>): string => `${secretId}:${version}`

// The rows stay until this transaction ends: a deletion locks its secret alone and then looks where it is used.
const lockNamed = statement<{ ids: string[]; companyId: string }, { id: string }>('secret_refer').read(
  sql`select id from ${secrets} where id = any(${param('ids', 'uuid[]')}) and company_id = ${param('companyId', 'uuid')} order by id for key share`,
)

const selectVersions = statement<{ ids: string[]; companyId: string }, { secretId: string; version: number }>('secret_refer_versions').read(
  sql`select secret_id as "secretId", version from ${secretVersions} where secret_id = any(${param('ids', 'uuid[]')}) and company_id = ${param('companyId', 'uuid')}`,
)

/**
 * (tx) Checks that the secrets exist which a configuration names, in its company, and keeps them until the end of the transaction. Take it behind every
 * other lock. References that stood there before are not looked at: what they name may have gone by hand, and the rest of the configuration can still be changed.
 * @throws Refusal `unknown_reference` with the path of the field
 */
export async function requireSecretReferences(tx: Tx, companyId: string, config: unknown, before: unknown = null): Promise<void> {
  const found = [...walk(config, [])]
  const old = new Set(referencesIn(before).map(keyOf))
  const malformed = found.find(({ reference }) => reference === null)
  if (malformed !== undefined) refuseReference(malformed.path)
  const added = found.flatMap(({ reference }) => (reference === null || old.has(keyOf(reference)) ? [] : reference))
  if (added.length === 0) return
  const ids = [...new Set(added.map(({ secretId }) => secretId))]
  const known = new Set((await tx.run(lockNamed, { ids, companyId })).map(({ id }) => `${id}:latest`))
  for (const each of await tx.run(selectVersions, { ids, companyId })) known.add(keyOf(each))
  const missing = added.find((reference) => !known.has(keyOf(reference)))
  if (missing !== undefined) refuseReference(missing.path)
}

const refuseReference = (path: string): never =>
  refuse('unknown_reference', { message: `${path}: no secret of the company has that id and version`, details: { fields: [path] } })
