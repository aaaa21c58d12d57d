import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { ActivityRow, Store } from '../../platform/db/types.ts'
import type { Route } from '../../http/route.ts'
import { createStatsReader } from './databaseStats.ts'
import type { DatabaseStats } from './databaseStats.ts'
import { skipTotals } from '../../engine/wakes/index.ts'

/** From a read by key to a request that waited for a lock to its end, in seconds. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10]

/** What this process has to tell about itself and about the database. One per process. */
export interface Metrics {
  /** Counts a request that was answered. @param route undefined for a path that no route matches */
  observe(route: Route | undefined, status: number, ms: number): void
  /** The page, in the format of Prometheus. */
  page(): Promise<{ readonly contentType: string; readonly text: string }>
}

export interface MetricsDeps {
  readonly store: Store
  readonly version: string
  /** How many follow along. */
  readonly openStreams: () => number
  /** How long figures of the database are kept, in milliseconds. */
  readonly cacheTtlMs?: number
}

/** A gauge of a figure: its label, and what it shows under each value of that. */
interface StatGauge {
  readonly name: string
  readonly help: string
  readonly label: string
  readonly values: (stats: DatabaseStats) => Readonly<Record<string, number>>
}

const statGauges: readonly StatGauge[] = [
  {
    name: 'paperclip_holds',
    help: 'Issues whose lock columns name a run, by whether that run is live',
    label: 'state',
    values: ({ liveHolds: live, deadHolds: dead }) => ({ live, dead }),
  },
  {
    name: 'paperclip_queue_depth',
    help: 'What waits to be started: wakes and runs that are queued, and wakes that wait for their issue',
    label: 'queue',
    values: (stats) => ({ wakes: stats.queuedWakes, deferred_wakes: stats.deferredWakes, runs: stats.queuedRuns }),
  },
  {
    name: 'paperclip_queue_oldest_seconds',
    help: 'Age of the oldest that is queued',
    label: 'queue',
    values: (stats) => ({ wakes: stats.oldestQueuedWakeSeconds, runs: stats.oldestQueuedRunSeconds }),
  },
  {
    name: 'paperclip_runs',
    help: 'Runs that have not ended, by status',
    label: 'status',
    values: ({ queuedRuns: queued, runningRuns: running }) => ({ queued, running }),
  },
  {
    name: 'paperclip_lag_seconds',
    help: 'Age of the oldest commit that followers cannot be told of yet (events), and of the oldest audit row without a seal (seals)',
    label: 'of',
    values: ({ eventLagSeconds: events, sealLagSeconds: seals }) => ({ events, seals }),
  },
]

/** Connections of the pools, as they are when the page is read. */
function gaugePools(store: Store, registers: [Registry]): void {
  const pools = { write: store.transactionPool, read: store.autocommitPool }
  new Gauge({
    name: 'paperclip_pool_connections',
    help: 'Connections to the database by pool: in all (size), not in use (idle), and callers who wait for one (waiting)',
    labelNames: ['pool', 'state'],
    registers,
    collect() {
      for (const [pool, { totalCount, idleCount, waitingCount }] of Object.entries(pools)) {
        this.set({ pool, state: 'size' }, totalCount)
        this.set({ pool, state: 'idle' }, idleCount)
        this.set({ pool, state: 'waiting' }, waitingCount)
      }
    },
  })
}

/**
 * Measures a process. Requests and commits are counted as they happen; the pools are looked at, and the database asked,
 * only when somebody reads the page.
 */
export function createMetrics(deps: MetricsDeps): Metrics {
  const { store } = deps
  const registry = new Registry()
  const registers: [Registry] = [registry]
  // Apart, because what the database does not tell just now must not be told at all: an old figure looks like a new one.
  const databaseRegistry = new Registry()
  const readStats = createStatsReader(store.read, deps.cacheTtlMs)

  const requests = new Counter({
    name: 'paperclip_http_requests_total',
    help: 'Requests that were answered, by route and status',
    labelNames: ['route', 'status'],
    registers,
  })
  const durations = new Histogram({
    name: 'paperclip_http_request_duration_seconds',
    help: 'Time from the first byte of a request to the last of its answer',
    labelNames: ['route'],
    buckets: DURATION_BUCKETS,
    registers,
  })
  const finished = new Counter({
    name: 'paperclip_runs_finished_total',
    help: 'Runs that this process has ended, by outcome',
    labelNames: ['status'],
    registers,
  })
  const reaped = new Counter({
    name: 'paperclip_runs_reaped_total',
    help: 'Runs that this process has ended because their lease ran out',
    registers,
  })
  const isUp = new Gauge({ name: 'paperclip_database_up', help: '1 when the database answers, so that its figures are there', registers })
  const gauges = statGauges.map(({ name, help, label, values }) => {
    const gauge = new Gauge({ name, help, labelNames: [label], registers: [databaseRegistry] })
    return (stats: DatabaseStats): void => {
      for (const [value, stat] of Object.entries(values(stats))) gauge.set({ [label]: value }, stat)
    }
  })
  gaugePools(store, registers)
  new Gauge({
    name: 'paperclip_followers',
    help: 'Streams and sockets that follow what happens',
    registers,
    collect() {
      this.set(deps.openStreams())
    },
  })
  new Gauge({ name: 'paperclip_build_info', help: 'The version of this server', labelNames: ['version'], registers }).set(
    { version: deps.version },
    1,
  )
  const closedWakes = new Map<string, number>()
  new Counter({
    name: 'paperclip_wakes_skipped_total',
    help: 'Wishes for a run that this process has turned down, and wakes that it has closed before they led to one, by reason',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset()
      for (const [reason, count] of [...skipTotals(store), ...closedWakes]) this.inc({ reason }, count)
    },
  })
  store.onCommit((rows) => {
    for (const row of rows) {
      if (row.action === 'heartbeat.run_finished') countFinishedRun(row)
      if (row.action === 'wake.closed') countClosedWake(String(row.details['why']))
    }
  })
  const countClosedWake = (why: string): void => {
    // The one wake in a loop that is kept has been counted where it was turned down.
    if (why !== 'loop_bound') closedWakes.set(why, (closedWakes.get(why) ?? 0) + 1)
  }
  const countFinishedRun = (row: ActivityRow): void => {
    finished.inc({ status: String(row.details['status']) })
    if (row.details['errorCode'] === 'lease_expired') reaped.inc()
  }

  /** The figures of the database, or nothing while it does not answer. */
  const renderStats = async (): Promise<string> => {
    try {
      const stats = await readStats()
      for (const set of gauges) set(stats)
      isUp.set(1)
      return await databaseRegistry.metrics()
    } catch {
      isUp.set(0)
      return ''
    }
  }

  let collectsDefaults = false
  return {
    observe(route, status, ms) {
      const name = route?.operationId ?? 'none'
      requests.inc({ route: name, status: String(status) })
      // How long somebody follows along says nothing of how fast this server answers.
      if (route?.streams !== 'events') durations.observe({ route: name }, ms / 1000)
    },
    async page() {
      // These watch the garbage collector and the event loop, which costs a process that nobody scrapes as much.
      if (!collectsDefaults) collectDefaultMetrics({ register: registry })
      collectsDefaults = true
      const stats = await renderStats()
      return { contentType: registry.contentType, text: `${await registry.metrics()}\n${stats}` }
    },
  }
}
