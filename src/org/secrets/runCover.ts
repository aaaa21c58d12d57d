// The covers of live runs: what a run writes through the API is searched for the values that it was given, on every server.

import { sql } from 'drizzle-orm'
import { runs } from '../../model/runs.ts'
import { runSecrets, secrets, secretVersions } from '../../model/secrets.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import { createBoundedCache } from '../../platform/kernel/boundedCache.ts'
import { createCover } from '../../platform/kernel/cover.ts'
import type { Cover } from '../../platform/kernel/cover.ts'
import { openStored } from './giveToRun.ts'
import type { StoredSecret } from './giveToRun.ts'

/** More than the runs that a server hears of between two of one run. A run that falls out is looked up again. */
const MAX_RUNS = 2000

/** A run with its agent. */
interface RunOfAgent {
  readonly companyId: string
  readonly agentId: string
  readonly runId: string
}

interface Remembered {
  readonly agentId: string
  /** Null for a run that was given nothing. */
  readonly cover: Cover | null
}

/** By run. It is given everything when it starts, so this never changes. */
const covers = createBoundedCache<string, Remembered>(MAX_RUNS)

/** Remembers what a run of this server was given, with the values that it got: an external provider may have others by now. */
export const rememberCover = ({ agentId, runId }: Pick<RunOfAgent, 'agentId' | 'runId'>, values: readonly string[]): void =>
  covers.set(runId, { agentId, cover: values.length === 0 ? null : createCover(values) })

interface GivenRow {
  readonly status: string
  readonly secret: StoredSecret | null
}

// One row for a run that was given nothing, so that the question costs one statement.
const selectGiven = statement<
  { runId: string; agentId: string; companyId: string },
  { status: string } & { [K in keyof StoredSecret]: StoredSecret[K] | null }
>('run_cover').read(sql`
  select r.status, s.id as "secretId", v.version, s.name, s.provider, v.key_id as "keyId", v.sealed, v.external_ref as "externalRef"
  from ${runs} r left join (${runSecrets} g join ${secrets} s on s.id = g.secret_id and s.company_id = g.company_id
    join ${secretVersions} v on v.secret_id = s.id and v.version = g.version) on g.run_id = r.id
  where r.id = ${param('runId', 'uuid')} and r.agent_id = ${param('agentId', 'uuid')} and r.company_id = ${param('companyId', 'uuid')}`)

async function readGiven(db: Pick<ReadDb, 'run'>, { companyId, agentId, runId }: RunOfAgent): Promise<GivenRow[]> {
  const rows = await db.run(selectGiven, { runId, agentId, companyId })
  return rows.map(({ status, ...row }) => ({ status, secret: row.secretId === null ? null : (row as StoredSecret) }))
}

/**
 * The cover of what a run of an agent was given; null when it was given nothing. A value that cannot be opened now is looked for again by the next request: its
 * provider may have been away for a moment, and this server may get the master key of the others. A run of another agent has none: a caller that names it
 * beside its own key is refused later, and a cover would say before that whether a guess of a value is right.
 * @throws when the database is away
 */
export async function coverOfRun(db: Pick<ReadDb, 'run'>, run: RunOfAgent): Promise<Cover | null> {
  const { companyId, agentId, runId } = run
  const known = covers.get(runId)
  if (known !== undefined) return known.agentId === agentId ? known.cover : null
  const rows = await readGiven(db, run)
  const opened = await Promise.all(rows.flatMap(({ secret }) => (secret === null ? [] : [openStored(db, companyId, secret)])))
  const values = opened.flatMap((each) => ('value' in each ? [each.value] : []))
  const cover = values.length === 0 ? null : createCover(values)
  // A run that is queued will be given its secrets later.
  if (rows.length > 0 && rows[0]?.status !== 'queued' && values.length === opened.length) covers.set(runId, { agentId, cover })
  return cover
}
