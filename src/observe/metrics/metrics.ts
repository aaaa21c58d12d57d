import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Peers } from '../../platform/kernel/peers.ts'
import type { ActivityRow, Store } from '../../platform/db/types.ts'
import type { Route } from '../../http/route.ts'
import type { Exceeded } from '../../platform/kernel/quotas.ts'
import { createStatsReader } from './databaseStats.ts'
import type { DatabaseStats } from './databaseStats.ts'
import { createRunTimes } from './runTimes.ts'
import { answerMetrics, renderWorkers } from './workers.ts'
import type { Traffic } from '../../http/traffic.ts'
import { skipTotals } from '../../engine/wakes/index.ts'

/** In seconds: from a read by key to a request that waited for a lock until its timeout. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10]

/** An answered request, as it is counted. */
export interface ObservedRequest {
  readonly method: string
  /** Undefined for a path that no route matches. */
  readonly route: Route | undefined
  readonly status: number
  /** The code of a refusal. */
  readonly code: string | undefined
  readonly ms: number
  /** The answer lasted until its client left. */
  readonly isLive: boolean
}

/** Methods that have a label of their own; clients may send any word. */
const methods = new Set(['GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE', 'OPTIONS'])

/** The metrics of this process and of the database. One per process. */
export interface Metrics {
  /** Counts an answered request. @param route undefined for a path that no route matches @param code of a refusal */
  observe(request: ObservedRequest): void
  /** Counts a request that was refused because a quota was used up. */
  countQuotaRefusal(exceeded: Pick<Exceeded, 'quota' | 'scope'>): void
  /** Renders the page in the format of Prometheus. */
  page(): Promise<{ readonly contentType: string; readonly text: string }>
}

export interface MetricsDeps {
  readonly store: Store
  readonly version: string
  /** How many event streams and WebSockets are open. */
  readonly openStreams: () => number
  /** How many lines of audit heads wait for their copy elsewhere, or were dropped. */
  readonly unsentHeads?: () => number
  readonly traffic: Traffic
  /** The other workers, whose samples are on the page too; null, or left out, for a server that is one process. */
  readonly peers?: Peers | null
  /** How long statistics of the database are cached, in milliseconds. */
  readonly cacheTtlMs?: number
}

/** A gauge of a database statistic: its label, and the value for each label value. */
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
    name: 'paperclip_stalled_issues',
    help: 'Issues whose work stands still without a stated reason, and those about which the board was notified',
    label: 'state',
    values: ({ stalledIssues: stalled, notifiedIssues: board_notified }) => ({ stalled, board_notified }),
  },
  {
    name: 'paperclip_queue_depth',
    help: 'Queued wakes and runs, and wakes that wait for their issue',
    label: 'queue',
    values: (stats) => ({ wakes: stats.queuedWakes, deferred_wakes: stats.deferredWakes, runs: stats.queuedRuns }),
  },
  {
    name: 'paperclip_queue_oldest_seconds',
    help: 'Age of the oldest queued wake or run',
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
    help: 'Age of the oldest committed event that is not readable yet (events), and of the oldest audit row without a seal (seals)',
    label: 'of',
    values: ({ eventLagSeconds: events, sealLagSeconds: seals }) => ({ events, seals }),
  },
  {
    name: 'paperclip_backup_age_seconds',
    help: 'Age of the newest backup that a server made; absent while there is none',
    label: 'of',
    values: ({ newestBackupSeconds }) => (newestBackupSeconds === null ? {} : { newest: newestBackupSeconds }),
  },
]

/** Registers the gauge of the pools' connections, which are counted when the page is read. */
function gaugePools(store: Store, registers: [Registry]): void {
  const pools = { write: store.transactionPool, read: store.autocommitPool }
  new Gauge({
    name: 'paperclip_pool_connections',
    help: 'Connections to the database by pool: in all (size), not in use (idle), and callers that wait for one (waiting)',
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

/** Registers how often transactions met each other; it is read when the page is. */
function countRetries(store: Store, registers: [Registry]): void {
  new Counter({
    name: 'paperclip_transaction_retries_total',
    help: 'Transactions that were run again after a deadlock or a serialization failure',
    registers,
    collect() {
      this.reset()
      this.inc(store.counts.transactionRetries)
    },
  })
}

/** Registers what bounds the callers of this process; it is read when the page is. */
function countTraffic({ connections, answers }: Traffic, registers: [Registry]): void {
  new Gauge({
    name: 'paperclip_connections',
    help: 'Open connections of clients',
    registers,
    collect() {
      this.set(connections.counts().open)
    },
  })
  new Gauge({
    name: 'paperclip_unread_answer_bytes',
    help: 'Bytes of answers that wait for their readers',
    registers,
    collect() {
      this.set(answers.bytes())
    },
  })
  new Counter({
    name: 'paperclip_traffic_limited_total',
    help: 'Connections that were refused, closed for another (evicted) or closed because their client did not read (stalled), and answers that were refused because others were not read (unread)',
    labelNames: ['reason'],
    registers,
    collect() {
      const { refused, evicted, stalled } = connections.counts()
      this.reset()
      for (const [reason, count] of Object.entries({ refused, evicted, stalled, unread: answers.refusedCount() }))
        this.inc({ reason }, count)
    },
  })
}

/**
 * Creates the metrics of a process. Requests and commits are counted as they happen. Pools and database are read only when
 * a scraper reads the page.
 */
export function createMetrics(deps: MetricsDeps): Metrics {
  const { store } = deps
  const registry = new Registry()
  const registers: [Registry] = [registry]
  // A registry of its own: while the database does not answer, its statistics must be left out, because old values look like new ones.
  const databaseRegistry = new Registry()
  // Of its own too: it says of this process alone whether it got the statistics.
  const upRegistry = new Registry()
  const readStats = createStatsReader(store.read, deps.cacheTtlMs)

  const requests = new Counter({
    name: 'paperclip_http_requests_total',
    help: 'Requests that were answered, by method, template of the path, and status',
    labelNames: ['method', 'route', 'status'],
    registers,
  })
  const durations = new Histogram({
    name: 'paperclip_http_request_duration_seconds',
    help: 'Time from the first byte of a request to the last byte of its response',
    labelNames: ['method', 'route'],
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
    help: 'Runs that this process has ended because their lease expired',
    registers,
  })
  const refusals = new Counter({
    name: 'paperclip_refusals_total',
    help: 'Requests that were refused, by the code of the answer',
    labelNames: ['code'],
    registers,
  })
  const quotaRefusals = new Counter({
    name: 'paperclip_quota_refusals_total',
    help: 'Requests of agents that were refused because a quota was used up, by quota and by whose it was',
    labelNames: ['quota', 'scope'],
    registers,
  })
  const isUp = new Gauge({
    name: 'paperclip_database_up',
    help: '1 when the database answers, so that its statistics are present',
    registers: [upRegistry],
  })
  countRetries(store, registers)
  const runTimes = createRunTimes(store.read, registers)
  const gauges = statGauges.map(({ name, help, label, values }) => {
    const gauge = new Gauge({ name, help, labelNames: [label], registers: [databaseRegistry] })
    return (stats: DatabaseStats): void => {
      for (const [value, stat] of Object.entries(values(stats))) gauge.set({ [label]: value }, stat)
    }
  })
  gaugePools(store, registers)
  countTraffic(deps.traffic, registers)
  new Gauge({
    name: 'paperclip_followers',
    help: 'Open event streams and WebSockets',
    registers,
    collect() {
      this.set(deps.openStreams())
    },
  })
  new Gauge({
    name: 'paperclip_unsent_audit_heads',
    help: 'Lines of audit heads that wait for their copy elsewhere, or were dropped',
    registers,
    collect() {
      this.set(deps.unsentHeads?.() ?? 0)
    },
  })
  new Gauge({ name: 'paperclip_build_info', help: 'The version of this server', labelNames: ['version'], registers }).set(
    { version: deps.version },
    1,
  )
  const closedWakes = new Map<string, number>()
  new Counter({
    name: 'paperclip_wakes_skipped_total',
    help: 'Requests for a run that this process has refused, and wakes that it has closed before they led to one, by reason',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset()
      for (const [reason, count] of [...skipTotals(store), ...closedWakes]) this.inc({ reason }, count)
    },
  })
  store.onCommit((rows) => {
    runTimes.note(rows)
    for (const row of rows) {
      if (row.action === 'heartbeat.run_finished') countFinishedRun(row)
      if (row.action === 'wake.closed') countClosedWake(String(row.details['why']))
    }
  })
  const countClosedWake = (why: string): void => {
    // The wake that closes a loop was counted already when the request was refused.
    if (why !== 'loop_bound') closedWakes.set(why, (closedWakes.get(why) ?? 0) + 1)
  }
  const countFinishedRun = (row: ActivityRow): void => {
    finished.inc({ status: String(row.details['status']) })
    if (row.details['errorCode'] === 'lease_expired') reaped.inc()
  }

  /** Renders the statistics of the database; empty while it does not answer. */
  const renderStats = async (): Promise<string> => {
    try {
      const [stats] = await Promise.all([readStats(), runTimes.measure()])
      for (const set of gauges) set(stats)
      isUp.set(1)
      return await databaseRegistry.metrics()
    } catch {
      isUp.set(0)
      return ''
    }
  }

  let collectsDefaults = false
  const collectDefaults = (): void => {
    // The default metrics observe the garbage collector and the event loop. A process without a scraper does not pay for them.
    if (!collectsDefaults) collectDefaultMetrics({ register: registry })
    collectsDefaults = true
  }
  const { peers = null } = deps
  if (peers !== null)
    answerMetrics(peers, async () => {
      collectDefaults()
      await runTimes.measure().catch(() => {})
      return await registry.getMetricsAsJSON()
    })
  return {
    observe({ method, route, status, code, ms, isLive }) {
      const labels = { method: methods.has(method) ? method : 'other', route: route?.path ?? 'none' }
      requests.inc({ ...labels, status: String(status) })
      if (code !== undefined) refusals.inc({ code })
      // The duration of an event stream does not show how fast this server answers.
      if (!isLive) durations.observe(labels, ms / 1000)
    },
    countQuotaRefusal: ({ quota, scope }) => quotaRefusals.inc({ quota, scope }),
    async page() {
      collectDefaults()
      const stats = await renderStats()
      const ofProcesses = peers === null ? await registry.metrics() : await renderWorkers(peers, registry)
      return { contentType: registry.contentType, text: `${ofProcesses}\n${await upRegistry.metrics()}\n${stats}` }
    },
  }
}
