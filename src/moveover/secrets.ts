import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { createSecretBody } from '../org/secrets/index.ts'
import { secrets, secretVersions } from '../model/secrets.ts'
import { insertRows } from '../platform/db/insertRows.ts'
import { param, statement } from '../platform/db/statement.ts'
import { skeleton } from '../platform/kernel/skeleton.ts'
import { createdColumn, idColumn, line, needed, orElse, person, updatedColumn } from './columns.ts'
import type { SourceTable } from './columns.ts'
import { knownIn } from './move.ts'
import type { Move, Noun } from './move.ts'
import { moveTable } from './moveTable.ts'
import type { Movement } from './moveTable.ts'

const MAX_VERSION = 1000

export const secretTable = {
  name: 'company_secrets',
  columns: {
    id: idColumn,
    name: needed('text', 'name', createSecretBody.shape.name),
    provider: orElse('text', 'provider', line(100), 'local_encrypted'),
    latestVersion: orElse('int', 'latest_version', z.int().min(1).max(MAX_VERSION), 1),
    description: orElse('text', 'description', createSecretBody.shape.description, null),
    createdByUserId: person('created_by_user_id'),
    createdAt: createdColumn,
    updatedAt: updatedColumn,
  },
} as const satisfies SourceTable

const insertSecrets = insertRows('moveover_secrets', secrets, [
  'id',
  'companyId',
  'name',
  'provider',
  'latestVersion',
  'description',
  'createdByUserId',
  'createdAt',
  'updatedAt',
])
type SecretRow = Parameters<typeof insertSecrets>[1][number] & { readonly id: string }

const secretNoun: Noun<SecretRow> = {
  name: 'company_secrets',
  knownById: knownIn('secrets', secrets),
  deletedBy: { actions: ['secret.deleted'] },
  async write(tx, rows) {
    await insertSecrets(tx, rows)
    return []
  },
}

const selectNames = statement<{ companyId: string }, { id: string; name: string; hasValue: boolean }>('moveover_secret_names').read(sql`
  select id::text as id, name, exists (select 1 from ${secretVersions} v where v.secret_id = s.id) as "hasValue"
  from ${secrets} s where company_id = ${param('companyId', 'uuid')} order by name, id limit 2000`)

/**
 * Brings the secrets of a company by name and id, so that references in configurations still name them. Their values are sealed with a key
 * that the source's database does not have; until each is entered again, a run that needs it ends with `adapter_secret_missing`. The value that is entered
 * next gets the number of the source's latest version.
 */
export async function moveSecrets(move: Move): Promise<void> {
  const here = await move.store.read.run(selectNames, { companyId: move.companyId })
  const owners = new Map(here.map(({ id, name }) => [skeleton(name), id]))
  const movement: Movement<(typeof secretTable)['columns'], SecretRow> = {
    table: secretTable,
    noun: secretNoun,
    shape({ provider, latestVersion, ...row }, note, { companyId }) {
      const owner = owners.get(skeleton(row.name)) ?? row.id
      owners.set(skeleton(row.name), owner)
      if (owner !== row.id) {
        note('not brought: another secret has a name that looks the same')
        return null
      }
      if (provider !== 'local_encrypted') note('it arrives as a secret of this server: its provider is not one of this server')
      return {
        ...row,
        companyId,
        description: row.description ?? null,
        provider: 'local_encrypted' as const,
        latestVersion: latestVersion - 1,
      }
    },
  }
  // Their names are kept in memory.
  await moveTable(move, movement, () => {})
}

/** The names of the secrets of a company that have no value here. */
export const secretsWithoutValue = async ({ store, companyId }: Pick<Move, 'store' | 'companyId'>): Promise<readonly string[]> =>
  (await store.read.run(selectNames, { companyId })).filter(({ hasValue }) => !hasValue).map(({ name }) => name)
