import type { Server } from 'node:http'
import type { BoardAccess } from '../auth/boardAccess.ts'
import { createKeyUse, KEY_USE_INTERVAL_MS } from '../auth/keyUse.ts'
import type { KeyUse } from '../auth/keyUse.ts'
import { ownUid } from '../auth/peerLookup.ts'
import { signInPath } from '../observe/instance/signIn.ts'
import { notIsolated } from '../adapters/index.ts'
import type { Isolation } from '../adapters/index.ts'
import { agentHostOf } from './agentHost.ts'
import { buildApp } from './app.ts'
import { openBackups } from './backups.ts'
import type { Backups } from './backups.ts'
import { boardSentence } from './boardSentence.ts'
import { openBoardAccess, startsCommands } from './boardAccess.ts'
import { createHeadCopies, createSealer, openHeadFile, openTimeline, SEAL_INTERVAL_MS, shareRecordState } from '../observe/audit/index.ts'
import type { HeadCopies, HeadFile } from '../observe/audit/index.ts'
import type { Config } from './config.ts'
import { CHECK_INTERVAL_MS, createConditions } from './conditions.ts'
import type { Conditions } from './conditions.ts'
import { version } from './config.ts'
import type { ConnectionOptions } from '../platform/db/driver/client.ts'
import { requireSessions } from '../platform/db/driver/sessions.ts'
import { FULL_POOLS } from '../platform/db/connectionRoom.ts'
import type { PoolSizes } from '../platform/db/connectionRoom.ts'
import type { Store } from '../platform/db/types.ts'
import { joinSecretRegister, REGISTER_INTERVAL_MS } from './secretRegister.ts'
import type { SecretRegister } from './secretRegister.ts'
import type { LineHold, Log } from '../platform/kernel/log.ts'
import type { Peers } from '../platform/kernel/peers.ts'
import { isDatabaseReachable } from '../observe/instance/health.ts'
import { createOutage } from './outage.ts'
import type { Outage } from './outage.ts'
import { createFeed } from '../observe/events/index.ts'
import type { Feed } from '../observe/events/index.ts'
import { startWebhookDelivery } from '../observe/webhooks/index.ts'
import type { WebhookDelivery } from '../observe/webhooks/index.ts'
import type { Database } from './openDatabase.ts'
import { ownSeams } from './seams.ts'
import type { Seams } from './seams.ts'
import { drain } from './drain.ts'
import { openPort } from './openPort.ts'
import { createRunner } from '../scheduler/runner.ts'
import type { Runner } from '../scheduler/runner.ts'
import type { PeriodicTask, PeriodicTasks } from '../scheduler/periodicTasks.ts'
import { reap } from '../scheduler/reap.ts'
import { applyRetention } from '../scheduler/retention.ts'
import { tickBudgets } from '../control/budgets/index.ts'
import { continueDeletions, endRunsLeftBehind } from '../control/lifecycle/index.ts'
import { forgetRuns, tickRoutines } from '../control/routines/index.ts'
import { tickStalled } from '../control/stalled/index.ts'
import { tickTimers } from '../scheduler/timers.ts'
import { loadOrCreateSecret } from '../platform/home/secret.ts'
import { peopleOf, sessionSecretsOf } from './peopleAccess.ts'
import { openRunTokens } from './runTokenAccess.ts'
import { openSecrets } from './masterKeyAccess.ts'
import { offerClaim } from '../org/boardClaims/index.ts'
import { tidySignIns } from '../org/people/index.ts'
import { ADD_UP_INTERVAL_MS, addUpCosts } from '../engine/costs/index.ts'
import { flushSkips } from '../engine/wakes/index.ts'
import { addUpIssueCounts, COUNT_INTERVAL_MS } from '../work/issues/counts.ts'
import { withLook } from './workDue.ts'
import { createSearchIndexer, SEARCH_INDEX_INTERVAL_MS } from '../work/issues/searchIndex.ts'

/** The shutdown, in milliseconds. */
const SHUTDOWN = {
  /** For requests in progress: a supervisor usually waits ten seconds, less the rest of the shutdown. */
  drainMs: 9000,
} as const

/** How often the periodic tasks run, in milliseconds. */
const INTERVALS = {
  reapMs: 5000,
  /** Timers fire every few minutes or hours, and one call costs one query. */
  stalledMs: 20_000,
  timersMs: 10_000,
  /** A queue of thousands of runs is rare, and what is left of it cannot start. */
  /** A run that a limit stops is ended within two of these. */
  budgetsMs: 1000,
  /** The delay of a due time, at most, while a server runs. */
  routinesMs: 1000,
  /** Within this time an endpoint that no server serves is served. */
  webhooksMs: 1000,
  stopsMs: 5000,
  deletionsMs: 10_000,
  flushSkipsMs: 10_000,
  retentionMs: 10 * 60_000,
} as const

export interface RunningServer {
  readonly url: string
  readonly board: {
    /** One sentence that names the board. */
    readonly sentence: string
    readonly needsSignIn: boolean
    /** The path of a new one-time link for a browser. */
    readonly createSignInPath: () => string
  }
  /** The path of the page on which a person becomes the first administrator; null where people do not sign in, or there is one. */
  readonly claimPath: string | null
  /** Stops accepting, lets requests end, closes the database. Idempotent. */
  stop(): Promise<void>
}

function warnIfNotIsolated({ kind, reason, failures }: Isolation, log: Log): void {
  if (kind === 'none')
    log.warn({ reason, failures }, "AGENTS ARE NOT ISOLATED: they share the server's account and can read and do all that it can")
}

interface Background {
  readonly store: Store
  readonly keyUse: KeyUse
  readonly heads: HeadFile
  readonly runner: Runner
  readonly retention: Config['retention']
  readonly conditions: Conditions
  readonly register: SecretRegister
  readonly people: Parameters<typeof tidySignIns>[1]
  readonly backups: Backups
  readonly webhooks: Pick<WebhookDelivery, 'notify'>
  readonly log: Log
}

const signsIn = ({ deployment }: Config): boolean => deployment.mode === 'authenticated'

const boardOf = (access: BoardAccess, config: Config, isolation: Isolation['kind']): RunningServer['board'] => ({
  sentence: boardSentence({ ...access, uid: ownUid(), startsCommands: startsCommands(config), isolation, peopleSignIn: signsIn(config) }),
  needsSignIn: access.mode === 'token',
  createSignInPath: () => signInPath(access.sessions.createLink().code),
})

/** The settings that decide how requests are answered. */
const appSettings = ({
  deployment,
  skillFolders,
  allowedHostnames,
  allowedOrigins,
  securityContact,
  metricsToken,
  quotas,
  trafficLimits,
}: Config) => ({
  deployment: { deploymentMode: deployment.mode, deploymentExposure: deployment.exposure },
  publicOrigin: deployment.publicUrl === null ? null : new URL(deployment.publicUrl).origin,
  trustedProxies: deployment.trustedProxies,
  skillFolders,
  allowedHostnames,
  allowedOrigins,
  securityContact,
  metricsToken,
  quotas,
  trafficLimits,
})

/** Workers share a home, and one of them writes its files of audit heads and of revocations: lines of two would get the same numbers. */
const writesHome = (peers: Peers | null): boolean => peers === null || peers.number === 1

const runsHere = (task: string, peers: Peers | null): boolean => task !== 'seal' || writesHome(peers)

/** Lists the work that the server does without a request. */
function backgroundTasks(background: Background): PeriodicTask[] {
  const { store, keyUse, heads, runner, retention, conditions, register, people, backups, webhooks, log } = background
  const seal = createSealer(store, heads, log)
  const reapExpired = async (): Promise<void> => {
    const ended = await reap(store, runner.isServerDead)
    if (ended > 0) log.info({ ended }, 'ended runs whose lease expired')
  }
  const tasks: PeriodicTask[] = [
    ...runner.periodicTasks,
    ...backups.tasks,
    { name: 'reap', intervalMs: INTERVALS.reapMs, run: reapExpired },
    { name: 'seal', intervalMs: SEAL_INTERVAL_MS, run: seal },
    { name: 'search', intervalMs: SEARCH_INDEX_INTERVAL_MS, run: createSearchIndexer(store, log) },
    { name: 'counts', intervalMs: COUNT_INTERVAL_MS, run: () => addUpIssueCounts(store) },
    { name: 'costs', intervalMs: ADD_UP_INTERVAL_MS, run: () => addUpCosts(store) },
    { name: 'stalled', intervalMs: INTERVALS.stalledMs, run: () => tickStalled(store) },
    { name: 'budgets', intervalMs: INTERVALS.budgetsMs, run: () => tickBudgets(store) },
    { name: 'webhooks', intervalMs: INTERVALS.webhooksMs, run: async () => webhooks.notify() },
    { name: 'routines', intervalMs: INTERVALS.routinesMs, run: () => tickRoutines(store) },
    { name: 'routine runs', intervalMs: INTERVALS.retentionMs, run: () => forgetRuns(store) },
    { name: 'stops', intervalMs: INTERVALS.stopsMs, run: () => endRunsLeftBehind(store) },
    { name: 'deletions', intervalMs: INTERVALS.deletionsMs, run: () => continueDeletions(store) },
    { name: 'timers', intervalMs: INTERVALS.timersMs, run: () => tickTimers(store) },
    { name: 'key uses', intervalMs: KEY_USE_INTERVAL_MS, run: () => keyUse.flush(store) },
    { name: 'skips', intervalMs: INTERVALS.flushSkipsMs, run: () => flushSkips(store) },
    { name: 'secret register', intervalMs: REGISTER_INTERVAL_MS, run: register.renew },
    { name: 'conditions', intervalMs: CHECK_INTERVAL_MS, run: conditions.check },
    { name: 'sign-ins', intervalMs: INTERVALS.retentionMs, run: () => tidySignIns(store, people) },
    { name: 'retain', intervalMs: INTERVALS.retentionMs, run: () => applyRetention(store, retention) },
  ]
  return withLook(tasks, store.read, { seal: seal.isDone, revocations: backups.isJournalDone })
}

/** Facts about this process from before the server starts. */
interface ProcessFacts {
  readonly pools?: PoolSizes
  readonly isolation?: Isolation
  /** Whether a person reads the log on a terminal. */
  readonly isTerminal?: boolean
  readonly droppedLogLines?: () => number
  /** Takes what decides when lines of the log are written. */
  readonly setHold?: (hold: LineHold) => void
  readonly seams?: Seams
  /** The other workers; null for a server that is one process. */
  readonly peers?: Peers | null
}

const UNKNOWN_FACTS: Required<ProcessFacts> = {
  pools: FULL_POOLS,
  isolation: notIsolated('it was not probed'),
  isTerminal: false,
  droppedLogLines: () => 0,
  setHold: () => {},
  seams: ownSeams,
  peers: null,
}

/** The parts that end with the server. */
interface Stoppable extends Pick<Background, 'store' | 'keyUse' | 'register' | 'runner' | 'backups'> {
  readonly loop: PeriodicTasks
  readonly outage: Pick<Outage, 'stop'>
  readonly copies: Pick<HeadCopies, 'stop'>
  readonly webhooks: WebhookDelivery
  readonly feed: Feed
  readonly server: Server
  readonly database: Database
}

const stopperOf = (parts: Stoppable) => async (): Promise<void> => {
  const { store, keyUse, loop, outage, copies, runner, webhooks, feed, server, register, database, backups } = parts
  backups.stop()
  const backgroundStopped = Promise.all([loop.stop(), flushSkips(store).catch(() => {}), keyUse.flush(store).catch(() => {})])
  outage.stop()
  // Runs may call the API until they end, so they stop before the API does.
  const stoppedAt = performance.now()
  await Promise.all([runner.stop(), webhooks.stop()])
  feed.stop()
  await drain(server, SHUTDOWN.drainMs - (performance.now() - stoppedAt))
  // A periodic task in progress may have thousands of rows left. It ends when its next statement is refused.
  await register.leave().catch(() => {})
  await Promise.all([database.close(), backgroundStopped])
  await backups.close()
  copies.stop()
}

/**
 * Starts the server on a migrated database: routes first, so that the port answers; recovery work after that.
 * @param connection the database
 * @param facts what the probe of isolation found, without which commands have the rights of this server; and the dropped lines of the log
 * @throws Error when the port is in use or the home holds a damaged secret
 */
export async function startServer(
  config: Config,
  connection: ConnectionOptions,
  log: Log,
  facts: ProcessFacts = {},
): Promise<RunningServer> {
  const { pools, isolation, isTerminal, droppedLogLines, setHold, seams, peers } = { ...UNKNOWN_FACTS, ...facts }
  const outage = createOutage({ probe: () => isDatabaseReachable(store.read), log })
  const database = seams.openDatabase(connection, pools, log, (isUnresponsive) => isUnresponsive && outage.begin())
  const { store } = database
  setHold(outage.hold)
  // The embedded database has no URL, and no pooler before it.
  if (connection.connectionString !== undefined) for (const pool of database.pools) await requireSessions(pool, 'DATABASE_URL')
  const secret = config.jwtSecret ?? loadOrCreateSecret(config.home)
  const previousSecret = config.jwtPreviousSecret
  const tokens = await openRunTokens(config, secret, log)
  const copies = createHeadCopies({ folder: config.witnessFolder, url: config.witnessUrl }, log)
  const heads = openHeadFile(config.home, undefined, copies)
  if (peers !== null) shareRecordState(heads.state, peers)
  // Before anything is written: a row with a ticket behind the sealed ones is never sealed. A home that cannot be written still serves.
  await openTimeline(store, heads, log).catch((error: unknown) => log.error({ err: error }, 'cannot look for a restored database'))
  await openSecrets(store, config)
  const feed = createFeed(store, log)
  if (startsCommands(config)) warnIfNotIsolated(isolation, log)
  const agentHost = agentHostOf(config, isolation, log)
  // The runner needs the address of the server, so it is made after the server listens; before it no run is live.
  let runner: Runner | undefined
  const board = await openBoardAccess(config, isolation.kind, () => runner?.localRuns ?? null, peers)
  const conditions = createConditions({ db: store.read, home: config.home, droppedLogLines, auditDoubt: () => heads.state.doubt, log })
  const sessionSecrets = sessionSecretsOf(config)
  const people = await peopleOf(config, sessionSecrets)
  const keyUse = createKeyUse()
  const open = { store, keyUse, heads, log, backups: openBackups({ ...config, writesHome: writesHome(peers) }, store, connection, log) }
  const parts = { ...open, ...agentHost, tokens, secret, previousSecret, feed, version, board, people, degradedCauses: conditions.causes }
  let stopping: Promise<void> | undefined
  const isDraining = (): boolean => stopping !== undefined
  const settings = { ...appSettings(config), isTerminal, validateResponses: false, monotonicMs: seams.monotonicMs }
  const app = buildApp({ ...parts, ...settings, isDraining, peers })
  const server = seams.createHttpServer(app.handle, app.onUpgrade, app.connections)
  const identity = { issuer: config.jwtIssuer, audience: config.jwtAudience, runKeyIds: () => tokens.readKeyIds() }
  const { url, register } = await openPort(server, config, () =>
    joinSecretRegister(store, { ...identity, secret, previousSecret, sessionSecrets }, log),
  )
  // Without file descriptors a connection cannot be accepted. The next one may be.
  server.on('error', (error) => log.error({ err: error }, 'cannot accept connections'))
  const ofRuns = { maxRuns: config.maxRuns, apiUrl: config.apiUrl ?? url, observer: feed }
  const started = createRunner({ store, tokens, ...agentHost, ...ofRuns, peers, log })
  runner = started
  const webhooks = startWebhookDelivery({ store, feed, outbound: agentHost.adapters.outbound, log }, { lookIntervalMs: null })
  const background = { ...open, runner: started, retention: config.retention, conditions, register, people, webhooks }
  const tasks = backgroundTasks(background).filter(({ name }) => runsHere(name, peers))
  const loop = seams.startPeriodicTasks(tasks, log)

  const stop = stopperOf({ ...open, loop, outage, copies, runner: started, webhooks, feed, server, register, database })
  const claimPath = people === null ? null : await offerClaim(store)
  return { url, board: boardOf(board, config, isolation.kind), claimPath, stop: () => (stopping ??= stop()) }
}
