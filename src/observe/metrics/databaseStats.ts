import { sql } from 'drizzle-orm'
import { activityLog } from '../../platform/db/tables.ts'
import { activityChain } from '../../model/audit.ts'
import { agents } from '../../model/agents.ts'
import { backups } from '../../model/backups.ts'
import { issues } from '../../model/issues.ts'
import { isUnended, runs } from '../../model/runs.ts'
import { isOpen, wakes } from '../../model/wakes.ts'
import { statement } from '../../platform/db/statement.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { isConfigured } from '../../control/dispatch/index.ts'
import { mayStall, progressFrom, progressSql } from '../../control/stalled/index.ts'
import { liveHolderOf } from '../../engine/runs/index.ts'

/** Statistics that come from the database and are therefore the same on every server. */
export interface DatabaseStats {
  readonly liveHolds: number
  /** Issues whose lock columns name a run that is not live. */
  readonly deadHolds: number
  readonly stalledIssues: number
  /** Stalled issues about which the board was notified. */
  readonly notifiedIssues: number
  readonly queuedWakes: number
  /** Wakes that wait until another run releases their issue. */
  readonly deferredWakes: number
  /** Of agents that this server could start. One on another host opens its runs when it likes. */
  readonly oldestQueuedWakeSeconds: number
  readonly queuedRuns: number
  readonly runningRuns: number
  readonly oldestQueuedRunSeconds: number
  /** Age of the oldest committed event that is not readable yet, because a transaction with an earlier ticket is still open. */
  readonly eventLagSeconds: number
  /** Age of the oldest audit row that is not sealed; of those that were written behind the sealed ones the newest 200 rows are looked at. */
  readonly sealLagSeconds: number
  /** Age of the newest backup that a server made; null while there is none. */
  readonly newestBackupSeconds: number | null
  /** The last backup that ended has failed. */
  readonly hasBackupFailed: boolean
}

const age = (oldest: ReturnType<typeof sql>) => sql`coalesce(greatest(extract(epoch from clock_timestamp() - ${oldest}), 0), 0)::float8`

// Every part reads open rows only. Partial indexes hold nothing else, so a log of many years costs nothing. An agent without a
// command is on another host; its queue shows nothing about this server.
const figures = statement<object, DatabaseStats>('metrics_figures').read(sql`
  with held as (
    select exists (select 1 from ${runs} r where ${liveHolderOf('i')}) as live
    from ${issues} i where i.checkout_run_id is not null or i.execution_run_id is not null),
  waiting as (
    select w.status, w.created_at, ${isConfigured} as starts from ${wakes} w join ${agents} a on a.id = w.agent_id where ${isOpen('w')}),
  open as (select r.status, r.created_at, ${isConfigured} as starts from ${runs} r join ${agents} a on a.id = r.agent_id where ${isUnended('r')}),
  stalled as (
    select ${progressSql} as why from ${progressFrom} where i.status in ('todo', 'in_progress') and i.hidden_at is null
      and i.assignee_agent_id is not null and ${mayStall}),
  sealed as (select txid, seq from ${activityChain} order by txid desc, seq desc limit 1),
  skipped as (
    select created_at from (select txid, seq, created_at from ${activityLog} order by seq desc limit 200) newest
    where (txid, seq) < (select txid, seq from sealed)
      and not exists (select from ${activityChain} link where link.txid = newest.txid and link.seq = newest.seq))
  select (select count(*)::int from held where live) as "liveHolds", (select count(*)::int from held where not live) as "deadHolds",
    (select count(*)::int from stalled where why = 'stalled') as "stalledIssues",
    (select count(*)::int from stalled where why = 'board_notified') as "notifiedIssues",
    (select count(*)::int from waiting where status = 'queued') as "queuedWakes",
    (select count(*)::int from waiting where status = 'deferred_issue_execution') as "deferredWakes",
    ${age(sql`(select min(created_at) from waiting where status = 'queued' and starts)`)} as "oldestQueuedWakeSeconds",
    (select count(*)::int from open where status = 'queued') as "queuedRuns",
    (select count(*)::int from open where status = 'running') as "runningRuns",
    ${age(sql`(select min(created_at) from open where status = 'queued' and starts)`)} as "oldestQueuedRunSeconds",
    ${age(sql`(select created_at from ${activityLog} where txid > (select horizon from event_horizon()) order by txid, seq limit 1)`)}
      as "eventLagSeconds",
    ${age(sql`least((select created_at from ${activityLog} where (txid, seq) > (coalesce((select txid from sealed), '0'::xid8),
      coalesce((select seq from sealed), 0)) order by txid, seq limit 1), (select min(created_at) from skipped))`)} as "sealLagSeconds",
    (select extract(epoch from clock_timestamp() - taken_at) from ${backups} where status = 'done' order by created_at desc nulls first limit 1)::float8
      as "newestBackupSeconds",
    coalesce((select status = 'failed' from ${backups} where finished_at is not null order by created_at desc nulls first limit 1), false)
      as "hasBackupFailed"`)

/** A scrape every second must not cost a query every second. */
const CACHE_TTL_MS = 5000

/** Creates a reader that queries the statistics, or returns those of the last seconds. Concurrent callers share one query. */
export function createStatsReader(db: Pick<ReadDb, 'run'>, cacheTtlMs = CACHE_TTL_MS): () => Promise<DatabaseStats> {
  let cached: Promise<DatabaseStats> | undefined
  let readAt = 0
  return () => {
    const now = performance.now()
    if (cached !== undefined && now - readAt < cacheTtlMs) return cached
    readAt = now
    const pending = db.run(figures, {}).then(exactlyOne)
    pending.catch(() => {
      // A failure is not cached: the next scrape queries again.
      if (cached === pending) cached = undefined
    })
    cached = pending
    return pending
  }
}
