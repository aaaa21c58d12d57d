import { banner } from './banner.ts'
import { readCommandLine } from './commandLine.ts'
import { variableNames, version } from './config.ts'
import type { Config } from './config.ts'
import { readHomeConfig } from './configSources.ts'
import { fitConnections, openFilesLimit } from './openFiles.ts'
import { placeProblems } from './placeProblems.ts'
import { setPrices } from '../engine/costs/prices.ts'
import { collectTraces, exitWith, openLog, upgradeBackupOf } from './processParts.ts'
import { reload } from './reload.ts'
import { reservedAccounts } from './reservedAccounts.ts'
import { serveAlone, serveByWorkers } from './serve.ts'
import { forgetSecrets } from './secretVariables.ts'
import { connectProblem } from '../platform/db/connectProblem.ts'
import { exposureOf } from '../platform/db/driver/tls.ts'
import type { DatabaseLogins } from '../platform/db/migrate.ts'
import { announceRunning } from '../platform/home/runningServer.ts'
import { startEmbedded } from '../platform/embedded/index.ts'
import { probeIsolation } from '../adapters/isolation/index.ts'
import type { Isolation } from '../adapters/isolation/index.ts'
import type { ReadyFacts } from './workers/messages.ts'
import { closeInheritedDescriptors } from '../platform/kernel/inheritedDescriptors.ts'
import type { Log } from '../platform/kernel/log.ts'
import { isStartProblem } from '../platform/kernel/startProblem.ts'
import { nodeProblem } from '../platform/kernel/versions.ts'
import type { ProcessLifecycle } from './processLifecycle.ts'

const OWNER_AT_WORK =
  'the database login of this server owns the tables, so it could rewrite the audit log: set DATABASE_OWNER_URL and give DATABASE_URL another login'

const PLAIN_TEXT = 'the connection to the database is not encrypted, and it leaves this machine: add sslmode=verify-full to the URL'
const UNVERIFIED =
  'the certificate of the database is not verified, so another party could take its place: use sslmode=verify-full, with sslrootcert where your authority is not a public one'

/** The full pools of a process and what it needs beside them (platform/db/connectionRoom.ts, which loads the driver). */
const CONNECTIONS_OF_A_PROCESS = 17
/** `psql`, a backup, a command that opens the database, and those that Postgres keeps for superusers. */
const OF_OPERATORS = 15

const FEW_CONNECTIONS = 'the database allows fewer connections than this server would use: its pools are smaller'
const UNCLAIMED = 'this instance has no administrator: the first person who signs in and opens the URL within a day becomes it'
const FEW_FILES = 'ulimit -n allows fewer open files than this server would use: it takes fewer connections'

/** Answers `--help` and `--version` of `npm start`, and ends the process. */
export function answerCommandLine(): void {
  const asked = readCommandLine(process.argv.slice(2), version, variableNames)
  if (asked.kind === 'refuse') exitWith([asked.problem])
  if (asked.kind === 'start') return
  process.stdout.write(asked.text)
  process.exit(0)
}

async function configOrExit(): Promise<Config> {
  const problem = nodeProblem(process.versions.node)
  if (problem !== null) exitWith([problem])
  const result = readHomeConfig(process.env)
  forgetSecrets(process.env)
  if ('problems' in result) return exitWith(result.problems)
  const problems = await placeProblems(result.config)
  return problems.length === 0 ? result.config : exitWith(problems)
}

/** The configuration with as many connections as the open files of this process allow. */
function withFittingConnections(config: Config, log: Log): Config {
  const { maxConnections, limitedBy } = fitConnections(openFilesLimit(), config)
  if (limitedBy === null) return config
  log.warn({ ...limitedBy, maxConnections }, FEW_FILES)
  const { connections, ...others } = config.trafficLimits
  return { ...config, trafficLimits: { ...others, connections: { ...connections, max: maxConnections } } }
}

/** Says where a party on the way to a database could read everything, or take its place. */
function warnOfExposure(variable: string, url: string, log: Log): void {
  const exposure = exposureOf(url)
  if (exposure !== 'none') log.warn({ variable }, exposure === 'plain' ? PLAIN_TEXT : UNVERIFIED)
}

/** Connections of the embedded Postgres: those of all workers, and a few for an operator. */
const roomFor = (workers: number): number => CONNECTIONS_OF_A_PROCESS * workers + OF_OPERATORS

async function startDatabase(config: Config, lifecycle: ProcessLifecycle, log: Log): Promise<DatabaseLogins> {
  const { home, databaseUrl, databaseOwnerUrl, backups } = config
  if (databaseUrl !== null) {
    warnOfExposure('DATABASE_URL', databaseUrl, log)
    if (databaseOwnerUrl !== null) warnOfExposure('DATABASE_OWNER_URL', databaseOwnerUrl, log)
    const owner = databaseOwnerUrl === null ? null : { connectionString: databaseOwnerUrl }
    return { application: { connectionString: databaseUrl }, owner }
  }
  const embedded = await lifecycle.startResource(
    () =>
      startEmbedded({
        home,
        durable: true,
        walArchive: backups.walArchive,
        maxConnections: roomFor(config.workers),
        log: (message, facts) => log.info(facts, message),
      }),
    (started) => started.stop(),
  )
  return { application: embedded.connection, owner: embedded.ownerConnection }
}

interface Announcement extends ReadyFacts {
  readonly isolation: Isolation
  readonly config: Config
  readonly log: Log
  readonly isTerminal: boolean
  /** Whether the log is on that terminal. */
  readonly isShown: boolean
}

const workersOf = ({ workers }: Config): object => (workers === 1 ? {} : { workers })

/** Shows the banner on a terminal, with a link to sign in where the board needs one; elsewhere writes a line to the log. */
function announce({ url, board, signInPath, claimPath, isolation, config, log, isTerminal, isShown }: Announcement): void {
  const claimUrl = claimPath === null ? null : (config.deployment.publicUrl ?? url) + claimPath
  const database = config.databaseUrl === null ? 'embedded Postgres' : 'DATABASE_URL'
  if (isTerminal) {
    const facts = { url, database, home: config.home, version, isolation, boardSentence: board.sentence, signInPath, claimUrl }
    process.stdout.write(banner(facts))
  }
  if (isShown) return
  if (claimUrl !== null) log.warn({ claimUrl }, UNCLAIMED)
  log.info(
    {
      url,
      database,
      version,
      agentIsolation: isolation.kind,
      isolationReason: isolation.reason,
      board: board.sentence,
      ...workersOf(config),
    },
    'listening',
  )
}

/**
 * Starts the server: database, schema, port, in this order, each as a resource of the process.
 * A wrong configuration ends the process at once, with every problem in one list.
 */
export async function start(lifecycle: ProcessLifecycle): Promise<void> {
  const asked = await configOrExit()
  // After the configuration: a secret may be in a descriptor of the parent (`NAME_FILE=/dev/fd/63`).
  closeInheritedDescriptors()
  const isTerminal = process.stdout.isTTY === true
  // Whether a person reads the log where it goes.
  const isShown = isTerminal && asked.logFile === null
  const processLog = openLog(asked, isShown)
  const { log, flush, reopen } = processLog
  lifecycle.setLog(log, flush)
  const readAgain = (): void => reload({ pricesFile: asked.pricesFile, reopenLog: reopen }, log)
  lifecycle.setReload(readAgain)
  try {
    const config = withFittingConnections(asked, log)
    setPrices(config.prices)
    if (config.workers === 1) await collectTraces(config, lifecycle, log)
    // Loading the program takes as long as starting Postgres, so both are done at the same time.
    const modules = Promise.all([
      import('../platform/db/migrate.ts'),
      import('../platform/db/connectionRoom.ts'),
      config.workers === 1 && import('./server.ts'),
    ])
    modules.catch(() => {})
    const { isolation: mode, user } = config.agents
    const isolating = reservedAccounts(config).then((reserved) => probeIsolation({ mode, user, home: config.home, reserved }))
    isolating.catch(() => {})
    // An operator who asks for what cannot be had learns it before a database is made.
    if (mode !== 'auto' || user !== null) await isolating
    const logins = await startDatabase(config, lifecycle, log)
    const [{ migrateOnce }, { fitPools, readConnectionRoom }] = await modules
    const isolation = await isolating
    const power = await lifecycle.startResource((signal) => migrateOnce(logins, signal, upgradeBackupOf(config, logins, log)))
    if (power.canRewriteRecord) log.warn({ role: power.role }, OWNER_AT_WORK)
    const { sizes: pools, limitedBy } = fitPools(await readConnectionRoom(logins.application), config.workers)
    if (limitedBy !== null) log.warn({ ...limitedBy, ...pools }, FEW_CONNECTIONS)
    const serving = { config, isolation, pools, connection: logins.application, isTerminal, isShown, processLog, readAgain }
    const listening = await (config.workers === 1 ? serveAlone(serving, lifecycle) : serveByWorkers(serving, lifecycle))
    await lifecycle.startResource(
      async () => await Promise.resolve(announceRunning(config.home, listening.url)),
      async (announced) => await Promise.resolve(announced.remove()),
    )
    announce({ ...listening, isolation, config, log, isTerminal, isShown })
  } catch (error) {
    if (lifecycle.isShuttingDown()) return
    const problem = asked.databaseUrl === null ? error : connectProblem(error, 'DATABASE_URL', asked.databaseUrl)
    if (isStartProblem(problem)) log.fatal(problem.message)
    else log.fatal({ err: error }, error instanceof Error ? error.message : 'cannot start')
    lifecycle.shutdown(1)
  }
}
