import { setTimeout as sleep } from 'node:timers/promises'
import type { NemesisContext } from './nemesisContext.ts'
import type { Postgres } from './postgres.ts'
import { BOARD_TOKEN } from './servers.ts'
import type { Server } from './servers.ts'

/** Longer than the lease of 30 s plus the 10 s in which the other servers must end the runs of the stopped server. */
const PAUSE_S = 43
/** Times of the two pauses, as fractions of the duration. */
const PAUSE_AT = [0.15, 0.65] as const
/** The duration must be at least this multiple of a pause; a shorter test has no pauses. */
const MIN_PAUSE_MULTIPLE = 3
/** LOCK_PROTOCOL §9, I3: the time that the reapers of the other servers have behind the end of a lease. */
const CLEAR_WITHIN_S = 10
/** Limit for the first answer of a server after SIGCONT. */
const RECOVERY_TIMEOUT_MS = 10_000
/** How long the nemesis waits for a server with runs before it stops any server. */
const BUSY_SERVER_TIMEOUT_MS = 5000

/** Stops the busiest server twice, each time beyond the lease of its runs, and checks the property `stopped`. */
export async function pauseServers(context: NemesisContext): Promise<void> {
  const { seconds, wait } = context
  if (seconds < PAUSE_S * MIN_PAUSE_MULTIPLE) return
  const startedAt = performance.now()
  for (const part of PAUSE_AT) {
    await wait(startedAt + part * seconds * 1000 - performance.now())
    await pauseBusiestServer(context)
  }
}

interface UnendedRun {
  readonly id: string
  /** Seconds since the lease expired, by the database's clock; negative while it has not. */
  readonly expiredFor: number
}

async function pauseBusiestServer(context: NemesisContext): Promise<void> {
  const { postgres, findings, log, faults, signal, wait } = context
  const { server, pid, runs } = await findBusiestProcess(context)
  const name = server.processes().length > 1 ? `a worker of ${server.name}` : server.name
  log(`nemesis: SIGSTOP ${name}, which supervises ${runs.length} runs`)
  server.pause(pid)
  try {
    await wait(PAUSE_S * 1000)
    for (const { id, expiredFor } of await readUnended(postgres, runs)) {
      const state = `run ${id} of ${server.name} has not ended ${PAUSE_S} s after the server was stopped, and its lease expired ${expiredFor.toFixed(1)} s ago`
      // The agent of a run may go on through another server, and each of its requests renews the lease.
      if (expiredFor > CLEAR_WITHIN_S) findings.reportViolation('stopped', state)
      else log(state)
    }
  } finally {
    const unended = new Set((await readUnended(postgres, runs)).map(({ id }) => id))
    const lost = runs.filter((id) => !unended.has(id))
    const endsBefore = await readRunEnds(postgres, lost)
    server.resume(pid)
    log(`nemesis: SIGCONT ${name}`)
    faults.pauses += 1
    if (!signal.aborted) await checkRecovery(context, server, lost, endsBefore)
  }
}

interface BusyProcess {
  readonly server: Server
  readonly pid: number
  readonly runs: string[]
}

/** Finds the process that supervises the most runs. After the time limit it returns a random one without runs. */
async function findBusiestProcess({ servers, postgres, random }: NemesisContext): Promise<BusyProcess> {
  const deadline = performance.now() + BUSY_SERVER_TIMEOUT_MS
  for (;;) {
    const up = servers.filter((each) => each.state() === 'up').flatMap((server) => server.processes().map((pid) => ({ server, pid })))
    const rows = await postgres.queryWithRetry<{ pid: number; runs: string[] }>(
      `select s.pid, array_agg(r.id) as runs from servers s join heartbeat_runs r on r.supervisor_id = s.id and r.status = 'running'
       where s.pid = any($1::int[]) group by s.pid order by count(*) desc limit 1`,
      [up.map(({ pid }) => pid)],
    )
    const busiest = up.find(({ pid }) => pid === rows[0]?.pid)
    if (busiest !== undefined) return { ...busiest, runs: rows[0]?.runs ?? [] }
    if (performance.now() > deadline && up.length > 0) return { ...random.pick(up), runs: [] }
    await sleep(100)
  }
}

const readUnended = (postgres: Postgres, runs: readonly string[]): Promise<UnendedRun[]> =>
  postgres.queryWithRetry<UnendedRun>(
    `select id, extract(epoch from now() - lease_expires_at)::float8 as "expiredFor" from heartbeat_runs
     where id = any($1::uuid[]) and status in ('queued', 'running')`,
    [runs],
  )

async function readRunEnds(postgres: Postgres, runs: readonly string[]): Promise<string> {
  const rows = await postgres.queryWithRetry<{ end: string }>(
    `select concat_ws(' ', id, status, finished_at, error_code) as end from heartbeat_runs where id = any($1::uuid[]) order by id`,
    [runs],
  )
  return rows.map(({ end }) => end).join('\n')
}

async function isServing({ url }: Server): Promise<boolean> {
  const response = await fetch(`${url}/api/companies`, {
    headers: { authorization: `Bearer ${BOARD_TOKEN}` },
    signal: AbortSignal.timeout(1000),
  }).catch(() => null)
  await response?.body?.cancel()
  return response?.ok === true
}

/** Checks that a resumed server serves again and has not changed the end of a run that it lost. */
async function checkRecovery(context: NemesisContext, server: Server, runs: readonly string[], endsBefore: string): Promise<void> {
  const { postgres, findings } = context
  const deadline = performance.now() + RECOVERY_TIMEOUT_MS
  // The nemesis may kill the server during its recovery. Then there is no recovery to check.
  while (server.state() === 'up' && !(await isServing(server))) {
    if (performance.now() > deadline) return findings.reportViolation('stopped', `${server.name} does not serve after it was stopped`)
    await sleep(100)
  }
  if ((await readRunEnds(postgres, runs)) !== endsBefore)
    findings.reportViolation('stopped', `${server.name} has changed the end of a run that it had lost`)
}
