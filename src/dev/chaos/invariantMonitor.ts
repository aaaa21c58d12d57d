import { setTimeout as sleep } from 'node:timers/promises'
import type { Findings, Property } from './properties.ts'
import type { Postgres } from './postgres.ts'
import { isAccepted } from './client.ts'
import { createReservationChecker } from './budgetCheckers.ts'
import type { ChaosClient } from './client.ts'

const POLL_MS = 250
/** LOCK_PROTOCOL §9, I3: the columns are clear within the lease plus this many seconds. */
const CLEAR_WITHIN_S = 10
/** The reaper of each server runs every five seconds. The monitor logs a hold that outlasts one period. */
const WARN_AFTER_S = 6
/** A longer gap between two answers is an outage of the database, in which no server could clear a hold. */
const OUTAGE_GAP_MS = 1500

interface DeadHold {
  readonly issueId: string
  readonly agentId: string | null
  readonly runId: string
  readonly status: string
  readonly hasEnded: boolean
  /** Seconds since the lease expired, by the database's clock. */
  readonly since: number
}

interface ViolationRow {
  readonly id: number
  readonly property: Property
  readonly detail: string
}

/** Checks every 250 ms for issues held by dead runs, and reads the violations that observers.sql recorded. */
export interface InvariantMonitor {
  /** Checks once more and stops. */
  stop(): Promise<void>
}

export interface InvariantMonitorOptions {
  readonly postgres: Postgres
  readonly client: ChaosClient
  readonly findings: Findings
  readonly log: (line: string) => void
}

export function startInvariantMonitor(options: InvariantMonitorOptions): InvariantMonitor {
  const { postgres, findings } = options
  let stopped = false
  const probes = createCheckoutProbes(options)
  const deadHolds = createDeadHoldChecker(options, probes)
  const readViolations = createViolationReader(postgres, findings)
  const checkReservations = createReservationChecker(postgres, findings)

  const check = async (): Promise<void> => {
    await deadHolds.check()
    await checkReservations()
    await readViolations()
    deadHolds.reportCoverage()
    probes.reportCoverage()
  }
  const checkLoop = async (): Promise<void> => {
    while (!stopped) {
      await check()
      await sleep(POLL_MS)
    }
  }
  const checking = checkLoop()
  return {
    async stop() {
      stopped = true
      await checking
      await probes.finish()
      await check()
    },
  }
}

/** Returns a function that reports the violations recorded since its last call. */
function createViolationReader(postgres: Postgres, findings: Findings): () => Promise<void> {
  let lastId = 0
  return async () => {
    const rows = await postgres.queryWithRetry<ViolationRow>(
      'select id, property, detail from chaos.violations where id > $1 order by id limit 1000',
      [lastId],
    )
    for (const { id, property, detail } of rows) {
      lastId = id
      findings.reportViolation(property, detail)
    }
  }
}

/** Tries to take issues that dead runs hold, once per dead run. */
interface CheckoutProbes {
  readonly count: () => number
  /** Starts a probe, unless the run was probed before or the issue has no assignee. */
  start(hold: DeadHold): void
  /** Waits for every started probe. */
  finish(): Promise<void>
  reportCoverage(): void
}

function createCheckoutProbes({ client, findings }: InvariantMonitorOptions): CheckoutProbes {
  const probedRuns = new Set<string>()
  const pending = new Set<Promise<void>>()
  let takenCount = 0
  return {
    count: () => probedRuns.size,
    start(hold) {
      if (hold.agentId === null || probedRuns.has(hold.runId)) return
      probedRuns.add(hold.runId)
      const probing = probeCheckout(client, findings, hold)
        .then((isTaken) => void (takenCount += isTaken ? 1 : 0))
        .finally(() => pending.delete(probing))
      pending.add(probing)
    },
    async finish() {
      await Promise.all(pending)
    },
    reportCoverage: () => findings.reportCoverage('takenAtOnce', `${probedRuns.size} checkouts tried, ${takenCount} accepted`),
  }
}

/**
 * Checks that a run with an expired lease holds nothing: a new run of the assignee takes the issue with one request.
 * @returns whether the checkout was accepted
 */
async function probeCheckout({ send }: ChaosClient, findings: Findings, { issueId, agentId, runId }: DeadHold): Promise<boolean> {
  const opened = await send({ name: 'open', method: 'POST', path: `/api/agents/${agentId}/runs`, body: { leaseSeconds: 60 } })
  if (!isAccepted(opened)) return false
  const { token, run } = opened.body
  const checkout = await send({
    name: 'checkout',
    method: 'POST',
    path: `/api/issues/${issueId}/checkout`,
    body: { agentId, expectedStatuses: ['in_progress'] },
    token,
  })
  // Another operation may have changed the issue, so a refusal is allowed. The dead run must not be its reason.
  if (!isAccepted(checkout) && checkout.body?.details?.holder?.runId === runId)
    findings.reportViolation(
      'takenAtOnce',
      `issue ${issueId}: ${checkout.status} ${checkout.body?.code}, because of run ${runId}, which is dead`,
    )
  await send({
    name: 'finish',
    method: 'POST',
    path: `/api/heartbeat-runs/${run.id}/finish`,
    body: { status: 'succeeded' },
    token,
  })
  return isAccepted(checkout)
}

const readDeadHolds = (postgres: Postgres): Promise<DeadHold[]> =>
  postgres.queryWithRetry<DeadHold>(
    `select i.id as "issueId", i.assignee_agent_id as "agentId", r.id as "runId", r.status,
       r.status not in ('queued', 'running') as "hasEnded", extract(epoch from clock_timestamp() - r.lease_expires_at)::float8 as since
     from issues i join heartbeat_runs r on r.id in (i.checkout_run_id, i.execution_run_id)
     where r.status not in ('queued', 'running') or r.lease_expires_at <= clock_timestamp()`,
  )

interface DeadHoldChecker {
  check(): Promise<void>
  reportCoverage(): void
}

function createDeadHoldChecker({ postgres, findings, log }: InvariantMonitorOptions, probes: CheckoutProbes): DeadHoldChecker {
  let lastAnswerAt = performance.now()
  /** Start of the time without an outage of the database. */
  let availableSince = performance.now()
  let longestSeconds = 0
  let checkCount = 0
  const reported = new Set<string>()
  const lateRuns = new Set<string>()

  const reportOnce = (property: Property, key: string, detail: string): void => {
    if (!reported.has(`${property} ${key}`)) findings.reportViolation(property, detail)
    reported.add(`${property} ${key}`)
  }
  const checkAge = ({ issueId, runId, since: sinceLease }: DeadHold, now: number): void => {
    const since = Math.min(sinceLease, (now - availableSince) / 1000)
    longestSeconds = Math.max(longestSeconds, since)
    if (since > WARN_AFTER_S && !lateRuns.has(runId)) {
      lateRuns.add(runId)
      log(`run ${runId} has not ended ${since.toFixed(1)} s after its lease expired`)
    }
    if (since > CLEAR_WITHIN_S)
      reportOnce('freedInTime', runId, `issue ${issueId} is held by run ${runId} ${since.toFixed(1)} s after its lease expired`)
  }
  return {
    async check() {
      const deadHolds = await readDeadHolds(postgres)
      const now = performance.now()
      if (now - lastAnswerAt > OUTAGE_GAP_MS) availableSince = now
      lastAnswerAt = now
      checkCount += 1
      for (const hold of deadHolds) {
        const { issueId, runId, status } = hold
        if (hold.hasEnded) reportOnce('endsWhole', `${issueId} ${runId}`, `issue ${issueId} references run ${runId}, which is ${status}`)
        else {
          checkAge(hold, now)
          probes.start(hold)
        }
      }
    },
    reportCoverage: () =>
      findings.reportCoverage(
        'freedInTime',
        `${checkCount} checks, ${probes.count()} dead runs with a hold, the longest for ${longestSeconds.toFixed(1)} s`,
      ),
  }
}
