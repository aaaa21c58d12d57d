import { Histogram } from 'prom-client'
import type { Registry } from 'prom-client'
import { sql } from 'drizzle-orm'
import { agents } from '../../model/agents.ts'
import { runs } from '../../model/runs.ts'
import { wakes } from '../../model/wakes.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { ActivityRow, ReadDb } from '../../platform/db/types.ts'

/** In seconds: a run may start at once, or wait for an hour behind others. */
const WAIT_BUCKETS = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600]
/** In seconds: from a command that does nothing to an agent that works for hours. */
const DURATION_BUCKETS = [1, 5, 15, 60, 300, 900, 3600, 14_400]

/** Runs that are noted between two scrapes. Further ones are not measured; it bounds memory while no scraper comes. */
const MAX_NOTED = 20_000
/** Runs that one scrape asks for. The rest is for the next one. */
const PER_SCRAPE = 2000

interface RunTimes {
  readonly id: string
  readonly adapter: string
  readonly status: string
  /** Null for a run that no wake has led to. */
  readonly waitedSeconds: number | null
  readonly ranSeconds: number | null
}

const selectTimes = statement<{ ids: readonly string[] }, RunTimes>('metrics_run_times').read(sql`
  select r.id, a.adapter_type as adapter, r.status,
    greatest(extract(epoch from r.started_at - w.created_at), 0)::float8 as "waitedSeconds",
    greatest(extract(epoch from r.finished_at - r.started_at), 0)::float8 as "ranSeconds"
  from ${runs} r join ${agents} a on a.id = r.agent_id left join ${wakes} w on w.id = r.wakeup_request_id
  where r.id = any(${param('ids', 'uuid[]')})`)

/** The moments of a run that this process has committed since the last scrape. */
interface Moments {
  isStarted: boolean
  isFinished: boolean
}

/** Measures how long runs wait and run. */
export interface RunTimeMetrics {
  /** Notes starts and ends among committed rows. */
  readonly note: (rows: readonly ActivityRow[]) => void
  /** Measures what was noted since the last call. The runs of a failed call are measured by the next. */
  readonly measure: () => Promise<void>
}

/**
 * The times are read when the page is, in one query: a start or an end of a run costs nothing for them, and a process without a
 * scraper notes none.
 */
export function createRunTimes(db: Pick<ReadDb, 'run'>, registers: [Registry]): RunTimeMetrics {
  const waits = new Histogram({
    name: 'paperclip_run_wait_seconds',
    help: 'Time from a wake to the start of its run, for runs that this process has started, by adapter',
    labelNames: ['adapter'],
    buckets: WAIT_BUCKETS,
    registers,
  })
  const durations = new Histogram({
    name: 'paperclip_run_duration_seconds',
    help: 'Time from the start of a run to its end, for runs that this process has ended, by adapter and outcome',
    labelNames: ['adapter', 'status'],
    buckets: DURATION_BUCKETS,
    registers,
  })
  const noted = new Map<string, Moments>()
  let isScraped = false

  const momentsOf = (runId: string): Moments => {
    const moments = noted.get(runId) ?? { isStarted: false, isFinished: false }
    if (noted.size < MAX_NOTED) noted.set(runId, moments)
    return moments
  }
  const observe = ({ adapter, status, waitedSeconds, ranSeconds }: RunTimes, { isStarted, isFinished }: Moments): void => {
    if (isStarted && waitedSeconds !== null) waits.observe({ adapter }, waitedSeconds)
    if (isFinished && ranSeconds !== null) durations.observe({ adapter, status }, ranSeconds)
  }

  return {
    note(rows) {
      if (!isScraped) return
      for (const { action, entityId } of rows) {
        if (action !== 'heartbeat.run_started' && action !== 'heartbeat.run_finished') continue
        const moments = momentsOf(entityId)
        if (action === 'heartbeat.run_started') moments.isStarted = true
        else moments.isFinished = true
      }
    },
    async measure() {
      isScraped = true
      const taken = [...noted].slice(0, PER_SCRAPE)
      if (taken.length === 0) return
      for (const [id] of taken) noted.delete(id)
      try {
        const times = new Map((await db.run(selectTimes, { ids: taken.map(([id]) => id) })).map((row) => [row.id, row]))
        for (const [id, moments] of taken) {
          const row = times.get(id)
          if (row !== undefined) observe(row, moments)
        }
      } catch (error) {
        for (const [id, moments] of taken) {
          const again = momentsOf(id)
          again.isStarted ||= moments.isStarted
          again.isFinished ||= moments.isFinished
        }
        throw error
      }
    },
  }
}
