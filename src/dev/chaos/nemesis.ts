import { setTimeout as sleep } from 'node:timers/promises'
import type { FaultCounts, NemesisContext, NemesisOptions } from './nemesisContext.ts'
import { pauseServers } from './pauseFault.ts'
import type { Server } from './servers.ts'
import type { Findings } from './properties.ts'

/** Seconds between two kills of a server. */
const KILL_INTERVAL_S = 10
/** Seconds between two terminations of a database session. */
const TERMINATE_INTERVAL_S = { min: 1, max: 4 }
/** Attempts to start a killed server before the nemesis reports a violation. */
const MAX_START_ATTEMPTS = 6
const RESTART_DELAY_MS = 500

/** Injects faults into servers and database. */
export interface Nemesis {
  readonly faults: FaultCounts
  /** Injects no more faults. Resolves when every server runs again. @throws when an injection failed */
  stop(): Promise<void>
}

/** Starts the nemesis. The duration and the seed decide the time of each fault. */
export function startNemesis(options: NemesisOptions): Nemesis {
  const stopping = new AbortController()
  const { signal } = stopping
  const context: NemesisContext = {
    ...options,
    faults: { kills: 0, terminated: 0, restarts: 0, crashes: 0, pauses: 0 },
    signal,
    pendingRestarts: new Set(),
    wait: (ms) => sleep(Math.max(0, ms), undefined, { signal }),
  }
  const failures: unknown[] = []
  const inject = (injectFaults: (context: NemesisContext) => Promise<void>): Promise<void> =>
    injectFaults(context).catch((error: unknown) => {
      if (!signal.aborted) failures.push(error)
    })
  const injections = Promise.all([killServers, terminateSessions, restartAndCrashPostgres, pauseServers].map(inject))
  return {
    faults: context.faults,
    async stop() {
      stopping.abort()
      await injections
      for (const server of options.servers) for (const pid of server.processes()) server.resume(pid)
      await Promise.all(context.pendingRestarts)
      if (failures.length > 0) throw new AggregateError(failures, 'the nemesis failed to inject a fault')
    },
  }
}

/** Of so many kills one is of a whole server, where servers have workers. */
const KILLS_PER_WHOLE_SERVER = 3

/** Kills a random worker, which its server starts again. */
function killWorker(server: Server, { random, log, faults }: NemesisContext): void {
  const worker = random.pick(server.processes())
  if (worker === undefined) return
  log(`nemesis: SIGKILL a worker of ${server.name}`)
  faults.kills += 1
  server.killWorker(worker)
}

/** Kills a random server, or a worker of one, every ten seconds. A server is started again. */
async function killServers(context: NemesisContext): Promise<void> {
  const { servers, findings, random, log, faults, pendingRestarts, wait } = context
  for (let round = 1; ; round += 1) {
    await wait(KILL_INTERVAL_S * 1000)
    const server = random.pick(servers.filter((each) => each.state() === 'up'))
    if (server === undefined) continue
    if (context.workers > 1 && round % KILLS_PER_WHOLE_SERVER !== 0) {
      killWorker(server, context)
      continue
    }
    log(`nemesis: SIGKILL ${server.name}`)
    faults.kills += 1
    await server.kill()
    await sleep(random.next() * 500)
    const restarting = restartServer(server, findings, log).finally(() => pendingRestarts.delete(restarting))
    pendingRestarts.add(restarting)
  }
}

/** Starts a killed server again, as a service manager does: a server that exits because the database is unreachable is retried. */
async function restartServer(server: Server, findings: Findings, log: (line: string) => void): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await server.start()
    } catch (error) {
      if (attempt === MAX_START_ATTEMPTS)
        return findings.reportViolation('orderly', `${server.name} does not start again: ${String(error)}`)
      log(`${server.name}: start failed, retrying: ${String(error)}`)
      await sleep(RESTART_DELAY_MS)
    }
  }
}

/** Terminates a random database session of the servers every one to four seconds. */
async function terminateSessions({ postgres, random, faults, wait }: NemesisContext): Promise<void> {
  for (;;) {
    await wait((TERMINATE_INTERVAL_S.min + random.next() * (TERMINATE_INTERVAL_S.max - TERMINATE_INTERVAL_S.min)) * 1000)
    const sessions = await postgres.queryWithRetry<{ pid: number }>(
      `select pid from pg_stat_activity where datname = current_database() and application_name like 'paperclip-server%' order by pid`,
    )
    if (sessions.length === 0) continue
    const ended = await postgres.queryWithRetry<{ ended: boolean }>('select pg_terminate_backend($1) as ended', [random.pick(sessions).pid])
    if (ended[0]?.ended === true) faults.terminated += 1
  }
}

/** Restarts Postgres after one third of the duration and kills it after two thirds. */
async function restartAndCrashPostgres({ postgres, seconds, log, faults, wait }: NemesisContext): Promise<void> {
  await wait((seconds * 1000) / 3)
  log('nemesis: restart Postgres')
  await postgres.restart()
  faults.restarts += 1
  await wait((seconds * 1000) / 3)
  log('nemesis: SIGKILL Postgres')
  await postgres.crash()
  faults.crashes += 1
}
