// Where a secret is used, and when a run was last given it.

import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { agents } from '../../model/agents.ts'
import { projects } from '../../model/projects.ts'
import { isUnended, runs } from '../../model/runs.ts'
import { runSecrets, secretVersions } from '../../model/secrets.ts'
import { activityLog } from '../../platform/db/tables.ts'
import { companyOf } from '../../platform/db/context.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, ReadDb, Tx } from '../../platform/db/types.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import { secretById } from './queries.ts'
import { referencesIn } from './references.ts'
import type { SecretUse } from './views.ts'

/** The most agents and the most projects of an answer; a screen shows fewer. */
const MAX_USERS = 200
/** The most versions of an answer, the newest first. */
const SHOWN_VERSIONS = 100

interface User {
  kind: 'agent' | 'project'
  id: string
  name: string
  config: unknown
}

/** A value somewhere in a configuration refers to the secret. Ids are stored in any case. */
const refersTo = (config: SQL): SQL =>
  sql`exists (select from jsonb_path_query(${config}, '$.** ? (@.type == "secret_ref").secretId') found where lower(found #>> '{}') = ${param('id', 'text')})`

const limit = sql.raw(String(MAX_USERS + 1))

const selectUsers = statement<{ id: string; companyId: string }, User>('secret_users').read(sql`
  (select 'agent' as kind, a.id, a.name, a.adapter_config as config from ${agents} a
    where a.company_id = ${param('companyId', 'uuid')} and a.status <> 'terminated' and ${refersTo(sql`a.adapter_config`)} order by a.name, a.id limit ${limit})
  union all
  (select 'project', p.id, p.name, jsonb_build_object('env', p.env) from ${projects} p
    where p.company_id = ${param('companyId', 'uuid')} and p.env is not null and ${refersTo(sql`p.env`)} order by p.name, p.id limit ${limit})`)

const usesOf = (users: readonly User[], secretId: string): SecretUse[] =>
  users.flatMap(({ kind, id, name, config }) =>
    referencesIn(config)
      .filter((reference) => reference.secretId === secretId)
      .map(({ path, version }) => ({ kind, id, name, path, version })),
  )

/** The agents and projects that refer to a secret, at most 200 of each and one more. */
export const usersOf = async (db: Pick<ReadDb, 'run'>, companyId: string, id: string): Promise<User[]> =>
  await db.run(selectUsers, { id, companyId })

// Each run is looked up by its id: a join would begin with everything that runs.
const selectLiveHolders = statement<{ id: string; companyId: string }, { runId: string }>('secret_live_runs').read(sql`
  select s.run_id as "runId" from ${runSecrets} s
  where s.secret_id = ${param('id', 'uuid')} and s.company_id = ${param('companyId', 'uuid')}
    and (select r.status = 'running' and ${isUnended('r')} from ${runs} r where r.id = s.run_id) limit 10`)

/** (tx) The runs that still work with the secret: what they write is searched for its value. */
export const liveRunsWith = async (tx: Tx, companyId: string, id: string): Promise<string[]> =>
  (await tx.run(selectLiveHolders, { id, companyId })).map(({ runId }) => runId)

interface LastRead {
  at: Instant
  version: number
  agentId: string | null
  runId: string | null
}

const selectLastRead = statement<{ id: string; companyId: string }, LastRead>('secret_last_read').read(sql`
  select created_at as "at", (details ->> 'version')::int as version, agent_id as "agentId", run_id as "runId" from ${activityLog}
  where entity_id = ${param('id', 'text')} and company_id = ${param('companyId', 'uuid')} and action = 'secret.read' order by seq desc limit 1`)

interface VersionRow {
  version: number
  createdByUserId: string | null
  createdAt: Instant
}

const selectVersions = statement<{ id: string; companyId: string }, VersionRow>('secret_versions').read(sql`
  select version, created_by_user_id as "createdByUserId", created_at as "createdAt" from ${secretVersions}
  where secret_id = ${param('id', 'uuid')} and company_id = ${param('companyId', 'uuid')} order by version desc limit ${sql.raw(String(SHOWN_VERSIONS))}`)

/** Where a secret is used, when it was last given to a run, and its versions. Never a value. @throws Refusal `not_found` */
export async function readUsage(ctx: Ctx, id: string) {
  const { read } = ctx.store
  const companyId = companyOf(ctx)
  await secretById(read, companyId, id)
  const [users, [lastRead], versions] = await Promise.all([
    usersOf(read, companyId, id),
    read.run(selectLastRead, { id, companyId }),
    read.run(selectVersions, { id, companyId }),
  ])
  const shown = (['agent', 'project'] as const).flatMap((kind) => users.filter((user) => user.kind === kind).slice(0, MAX_USERS))
  return { secretId: id, uses: usesOf(shown, id), hasMoreUses: shown.length < users.length, lastRead: lastRead ?? null, versions }
}
