import { sql } from 'drizzle-orm'
import { isInvokableSql } from '../../model/agentStatus.ts'
import { isExhaustedSql } from '../../model/budgets.ts'
import { agents } from '../../model/agents.ts'
import { companies } from '../../model/companies.ts'
import { hasLease, isUnended, runs } from '../../model/runs.ts'
import { wakes } from '../../model/wakes.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Store } from '../../platform/db/types.ts'

/**
 * SQL: how many runs of the row `a` of agents may be running at once: 1 to 10, by default 1. The configuration may hold
 * any JSON, so its type is checked before it is read as a number.
 */
export const maxConcurrentRuns = sql`(case when jsonb_typeof(a.runtime_config #> '{heartbeat,maxConcurrentRuns}') = 'number'
  then floor(least(10, greatest(1, (a.runtime_config #>> '{heartbeat,maxConcurrentRuns}')::numeric)))::int else 1 end)`

/**
 * SQL: whether the configuration of the row `a` of agents says what a run of it starts. An agent whose adapter lacks its required field
 * runs on another host and opens its runs itself.
 */
export const isConfigured = sql`(case when a.adapter_type = 'process' then coalesce(a.adapter_config ->> 'command', '') <> ''
  when a.adapter_type in ('http', 'openclaw_gateway') then coalesce(a.adapter_config ->> 'url', '') <> '' else true end)`

/** SQL: true when this server may start runs for the row `a` of agents; `types` are the adapter types that it may run. */
export const isStartable = sql`(${isInvokableSql('a')}
  and a.adapter_type = any(${param('types', 'text[]')}) and ${isConfigured} and not ${isExhaustedSql('a')})`

/** SQL: the number of runs `b` that are running for the row `a` of agents. A run whose lease expired does not count. */
export const runningCount = sql`(select count(*)::int from ${runs} b
  where b.status = 'running' and ${isUnended('b')} and b.agent_id = a.id and ${hasLease('b')})`

/**
 * SQL: whether the queued run `r` with its wake `w` may start for the row `a` of agents. The wakes of an agent whose command or
 * configuration failed wait until that is changed; a person may try it at any time.
 */
export const mayStartInError = sql`(a.status <> 'error' or coalesce(w.requested_by_actor_type = 'user' and w.source = 'on_demand', false))`

/** An agent for which a queued run may start. */
export interface Candidate {
  readonly agentId: string
  readonly companyId: string
}

/** SQL: whether a run is queued. It may be one that no server can start now. */
export const runsQueued = sql`exists (select from ${runs} r where r.status = 'queued' and ${isUnended('r')})`

interface StartableParams {
  types: readonly string[]
  companyIds: readonly string[]
  counts: readonly number[]
  limit: number
}

// The recursive walk takes one step per agent with queued runs, however many it has: an agent on another host and
// thousands of runs behind a busy agent cost one step each. `turn` is the number of runs of the same company that come
// before a run, running ones on this server included, so that no company waits for another company's queue.
const startable = statement<StartableParams, Candidate>('startable').read(sql`
  with recursive waiting (agent_id) as (
    (select r.agent_id from ${runs} r where r.status = 'queued' and ${isUnended('r')} order by r.agent_id limit 1)
    union all
    select (select r.agent_id from ${runs} r where r.status = 'queued' and ${isUnended('r')} and r.agent_id > w.agent_id order by r.agent_id limit 1)
    from waiting w where w.agent_id is not null),
  taken (company_id, runs) as (select * from unnest(${param('companyIds', 'uuid[]')}, ${param('counts', 'int[]')})),
  next as (
    select a.id, a.company_id, q.created_at, q.id as run_id,
      row_number() over (partition by a.company_id order by q.created_at, q.id) + coalesce(t.runs, 0) as turn
    from waiting w join ${agents} a on a.id = w.agent_id join ${companies} c on c.id = a.company_id and c.status = 'active'
    left join taken t on t.company_id = a.company_id
    cross join lateral (
      select r.id, r.created_at from ${runs} r left join ${wakes} w on w.id = r.wakeup_request_id
      where ${mayStartInError} and r.status = 'queued' and ${isUnended('r')} and r.agent_id = a.id and ${hasLease('r')}
      order by r.created_at, r.id limit greatest(0, ${maxConcurrentRuns} - ${runningCount})) q
    where ${isStartable})
  select id as "agentId", company_id as "companyId" from next order by turn, created_at, run_id limit ${param('limit', 'int')}`)

/**
 * Agents whose next queued run may start, in the order of their turns; an agent is listed once for each such run. The
 * list is read without locks: `startQueuedRun` decides again under the agent's lock.
 *
 * @param types the adapter types that this server may run
 * @param runCountByCompany how many runs of each company are running on this server
 */
export async function listStartable(
  store: Store,
  types: readonly string[],
  runCountByCompany: ReadonlyMap<string, number>,
  limit: number,
): Promise<Candidate[]> {
  return await store.read.run(startable, {
    types,
    companyIds: [...runCountByCompany.keys()],
    counts: [...runCountByCompany.values()],
    limit,
  })
}
