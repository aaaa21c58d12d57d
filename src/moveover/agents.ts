import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { createAgentBody, namesOf, takeName, takeUrlKey } from '../org/agents/index.ts'
import type { NamesInUse } from '../org/agents/index.ts'
import { adapterTypes } from '../model/adapterTypes.ts'
import { agentKeys, agents } from '../model/agents.ts'
import type { AgentStatus } from '../model/agentStatus.ts'
import { agentStatus } from '../model/agentStatus.ts'
import { grants, memberships } from '../model/companies.ts'
import { deletions } from '../model/deletions.ts'
import { insertRows } from '../platform/db/insertRows.ts'
import { changed, mutate, unchanged } from '../platform/db/mutate.ts'
import { param, statement } from '../platform/db/statement.ts'
import { lockCompany } from '../org/companies/index.ts'
import { count, createdColumn, id, idColumn, line, needed, orElse, record, reference, time, updatedColumn } from './columns.ts'
import type { Columns, SourceTable } from './columns.ts'
import { keysRevokedBySource } from './events.ts'
import { knownIn } from './move.ts'
import type { KnownRow, Move, Noun } from './move.ts'
import { found, moveTable, moveTree } from './moveTable.ts'
import type { Movement } from './moveTable.ts'

const { shape: body } = createAgentBody
const MAX_NAME = 200

const agentTable = {
  name: 'agents',
  columns: {
    id: idColumn,
    name: needed('text', 'name', body.name),
    role: orElse('text', 'role', body.role.unwrap(), 'general'),
    title: orElse('text', 'title', body.title, null),
    icon: orElse('text', 'icon', body.icon, null),
    status: orElse('text', 'status', z.enum(agentStatus.statuses), 'idle'),
    reportsTo: reference('reports_to'),
    capabilities: orElse('text', 'capabilities', body.capabilities, null),
    adapterType: needed('text', 'adapter_type', line(MAX_NAME)),
    adapterConfig: orElse('json', 'adapter_config', record, {}),
    runtimeConfig: orElse('json', 'runtime_config', body.runtimeConfig.unwrap(), {}),
    budgetMonthlyCents: orElse('int', 'budget_monthly_cents', count, 0),
    permissions: orElse('json', 'permissions', z.object({ canCreateAgents: z.boolean().default(false) }), { canCreateAgents: false }),
    metadata: orElse('json', 'metadata', record.nullable(), null),
    lastHeartbeatAt: orElse('time', 'last_heartbeat_at', time.nullable(), null),
    pausedAt: orElse('time', 'paused_at', time.nullable(), null),
    createdAt: createdColumn,
    updatedAt: updatedColumn,
  },
} as const satisfies SourceTable

const insertAgents = insertRows('moveover_agents', agents, [
  'id',
  'companyId',
  'name',
  'urlKey',
  'status',
  'role',
  'title',
  'icon',
  'reportsTo',
  'capabilities',
  'adapterType',
  'adapterConfig',
  'runtimeConfig',
  'budgetMonthlyCents',
  'permissions',
  'metadata',
  'lastHeartbeatAt',
  'pauseReason',
  'pausedAt',
  'isolation',
  'createdAt',
  'updatedAt',
])
type AgentRow = Parameters<typeof insertAgents>[1][number] & { readonly id: string }

const enrol = statement<{ companyId: string; agentIds: string[] }, never>('moveover_enrol').write(sql`
  with member as (
    insert into ${memberships} (company_id, principal_type, principal_id, status, membership_role)
    select ${param('companyId', 'uuid')}, 'agent', a, 'active', 'member' from unnest(${param('agentIds', 'text[]')}) a on conflict do nothing)
  insert into ${grants} (company_id, principal_type, principal_id, permission_key)
  select ${param('companyId', 'uuid')}, 'agent', a, 'tasks:assign' from unnest(${param('agentIds', 'text[]')}) a on conflict do nothing`)

const selectKnownAgents = statement<{ ids: string[]; companyId: string }, KnownRow>('moveover_known_agents').read(sql`
  select a.id::text as id, a.company_id = ${param('companyId', 'uuid')} as "isOwn",
    exists (select 1 from ${deletions} gone where gone.id = a.id) as "isBeingDeleted"
  from ${agents} a where a.id = any(${param('ids', 'uuid[]')})`)

const agentNoun: Noun<AgentRow> = {
  name: 'agents',
  knownById: (db, rows, { companyId }) => db.run(selectKnownAgents, { ids: rows.map(({ id }) => id), companyId }),
  deletedBy: { actions: ['agent.deleted', 'agent.deletion_begun'] },
  async write(tx, rows, { companyId }) {
    await insertAgents(tx, rows)
    await tx.run(enrol, { companyId, agentIds: rows.map((row) => row.id) })
    return []
  },
}

/** An agent that was at work arrives idle: its runs have ended. One that was paused needs a person to resume it, whatever had paused it. */
const arrivalOf = (status: AgentStatus): AgentStatus => (status === 'running' || status === 'active' ? 'idle' : status)

const isKnownAdapter = (type: string): boolean => (adapterTypes as readonly string[]).includes(type)

const movementOf =
  (names: NamesInUse) =>
  (cut: ReadonlyMap<string, string>): Movement<(typeof agentTable)['columns'], AgentRow> => ({
    table: agentTable,
    noun: agentNoun,
    shape(row, note, { companyId, present }) {
      const { title, icon, capabilities, pausedAt, adapterType, adapterConfig } = row
      const because = cut.get(row.id)
      if (because !== undefined) note(`its manager is left out: ${because}`)
      const status = arrivalOf(row.status)
      // A terminated agent frees its name, so it takes none.
      const isTaking = status !== 'terminated'
      const inUse = isTaking ? names : namesOf([])
      const name = takeName(row.name, inUse)
      if (name !== row.name) note('it arrives under another name: an agent has a name that looks the same')
      const isKnown = isKnownAdapter(adapterType)
      if (!isKnown) note('it arrives without its adapter, which this server does not have: as a process without a command')
      return {
        ...row,
        companyId,
        name,
        urlKey: takeUrlKey(name, row.id, inUse),
        status,
        title: title ?? null,
        icon: icon ?? null,
        capabilities: capabilities ?? null,
        reportsTo: because === undefined ? found(present.agents, row.reportsTo, 'its manager', note) : null,
        adapterType: isKnown ? adapterType : 'process',
        adapterConfig: isKnown ? adapterConfig : {},
        pauseReason: status === 'paused' ? 'manual' : null,
        pausedAt: status === 'paused' ? (pausedAt ?? row.updatedAt) : null,
        isolation: 'required',
      }
    },
  })

const selectNames = statement<{ companyId: string }, { name: string; urlKey: string }>('moveover_agent_names').read(sql`
  select name, url_key as "urlKey" from ${agents} where company_id = ${param('companyId', 'uuid')} and status <> 'terminated'`)

/** Brings the agents of a company, managers first. */
export async function moveAgents(move: Move): Promise<void> {
  const names = namesOf(await move.store.read.run(selectNames, { companyId: move.companyId }))
  await moveTree(move, movementOf(names), 'reports_to', (id) => move.present.agents.add(id))
}

const keyTable = {
  name: 'agent_api_keys',
  columns: {
    id: idColumn,
    agentId: needed('uuid', 'agent_id', id),
    name: orElse('text', 'name', line(MAX_NAME), 'default'),
    keyHash: needed('text', 'key_hash', z.string().regex(/^[0-9a-f]{64}$/, 'Expected a SHA-256 in hexadecimal digits')),
    revokedAt: orElse('time', 'revoked_at', time.nullable(), '1970-01-01T00:00:00.000Z'),
    lastUsedAt: orElse('time', 'last_used_at', time.nullable(), null),
    createdAt: createdColumn,
  },
} as const satisfies SourceTable

const insertKeys = insertRows('moveover_keys', agentKeys, [
  'id',
  'companyId',
  'agentId',
  'name',
  'keyHash',
  'revokedAt',
  'lastUsedAt',
  'createdAt',
])
type KeyRow = Parameters<typeof insertKeys>[1][number] & { readonly id: string }

const selectHashes = statement<{ hashes: string[] }, { hash: string }>('moveover_key_hashes').read(
  sql`select key_hash as hash from ${agentKeys} where key_hash = any(${param('hashes', 'text[]')})`,
)

const keyNoun: Noun<KeyRow> = {
  name: 'agent_api_keys',
  knownById: knownIn('keys', agentKeys),
  async clashes(db, rows) {
    const taken = new Set((await db.run(selectHashes, { hashes: rows.map(({ keyHash }) => keyHash) })).map(({ hash }) => hash))
    return new Map(rows.filter(({ keyHash }) => taken.has(keyHash)).map((row) => [row.id, 'not brought: another key here has its hash']))
  },
  async write(tx, rows) {
    await insertKeys(tx, rows)
    return []
  },
}

const revoke = statement<{ ids: string[]; companyId: string }, { id: string }>('moveover_keys_revoke').write(sql`
  update ${agentKeys} set revoked_at = now() where id = any(${param('ids', 'uuid[]')}) and company_id = ${param('companyId', 'uuid')}
    and revoked_at is null returning id::text as id`)

const selectUnrevoked = statement<{ ids: string[]; companyId: string }, { id: string }>('moveover_keys_unrevoked').read(sql`
  select id::text as id from ${agentKeys} where id = any(${param('ids', 'uuid[]')}) and company_id = ${param('companyId', 'uuid')} and revoked_at is null`)

/** As many keys as five thousand agents have with a hundred each. */
const SELECT_REVOKED =
  'select t.id::text as id from agent_api_keys t where t.company_id = $1::uuid and t.revoked_at is not null limit 500000'

/** Revokes keys that were revoked in the source behind an earlier move: a person who revoked a key there relies on it. */
async function followRevocations(move: Move): Promise<void> {
  const { companyId } = move
  const revoked = await move.source.query<{ id: string }>(SELECT_REVOKED, [companyId])
  const open = await move.store.read.run(selectUnrevoked, { ids: revoked.map((key) => key.id), companyId })
  if (open.length === 0 || !move.isApplied) return
  await mutate(move.ctx, async (tx) => {
    await lockCompany(tx, companyId)
    const keyIds = (await tx.run(revoke, { ids: open.map((key) => key.id), companyId })).map((key) => key.id)
    return keyIds.length === 0 ? unchanged(null) : changed(null, keysRevokedBySource(companyId, { keyIds, source: { ...move.place } }))
  })
}

const keyMovement: Movement<(typeof keyTable)['columns'], KeyRow> = {
  table: keyTable,
  noun: keyNoun,
  shape(row, note, { companyId, present }) {
    if (found(present.agents, row.agentId, 'the key', note) === null) return null
    return { ...row, companyId }
  },
}

/** Brings the hashes of the keys of agents, so that the keys go on working: both servers keep the SHA-256 of the whole key. */
export async function moveKeys(move: Move): Promise<void> {
  await moveTable(move, keyMovement)
  await followRevocations(move)
}

export const agentTables: readonly SourceTable<Columns>[] = [agentTable, keyTable]
