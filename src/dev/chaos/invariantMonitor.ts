import { setTimeout as sleep } from 'node:timers/promises'
import type { Findings, Property } from './properties.ts'
import type { Postgres } from './postgres.ts'
import { isAccepted } from './client.ts'
import type { ChaosClient } from './client.ts'

const POLL_MS = 250
/** Lock-protocol §9, I3: the columns are clear within the lease and this. */
const CLEAR_WITHIN_S = 10
/** The reaper comes every five seconds, on each server: what takes longer than one of its rounds is told. */
const WARN_AFTER_S = 6
/** Longer between two answers, and the database has been away: nobody could have freed anything meanwhile. */
const OUTAGE_GAP_MS = 1500

interface DeadHold {
  readonly issueId: string
  readonly agentId: string | null
  readonly runId: string
  readonly status: string
  readonly hasEnded: boolean
  /** Seconds since the lease ran out, on the database's clock. */
  readonly since: number
}

interface ViolationRow {
  readonly id: number
  readonly law: Property
  readonly detail: string
}

/** Looks all the time whether somebody dead holds an issue, and what Postgres has written down. */
export interface InvariantMonitor {
  /** Looks once more and ends. */
  stop(): Promise<void>
}

export function startInvariantMonitor(
  postgres: Postgres,
  client: ChaosClient,
  findings: Findings,
  log: (line: string) => void,
): InvariantMonitor {
  let stopped = false
  let lastAnswerAt = performance.now()
  /** Since when the database has answered without a pause. */
  let availableSince = performance.now()
  let lastViolationId = 0
  let longestSeconds = 0
  let checkoutCount = 0
  let checkCount = 0
  const reported = new Set<string>()
  const probed = new Set<string>()
  const lateRuns = new Set<string>()
  const probes = new Set<Promise<void>>()

  const reportOnce = (property: Property, key: string, detail: string): void => {
    if (!reported.has(`${property} ${key}`)) findings.reportViolation(property, detail)
    reported.add(`${property} ${key}`)
  }

  const readViolations = async (): Promise<void> => {
    const rows = await postgres.queryWithRetry<ViolationRow>(
      'select id, law, detail from torture.faults where id > $1 order by id limit 1000',
      [lastViolationId],
    )
    for (const { id, law: property, detail } of rows) {
      lastViolationId = id
      findings.reportViolation(property, detail)
    }
  }

  /** A run whose lease is out holds nothing: a fresh run of the assignee takes the issue with one request. */
  const probe = async ({ issueId, agentId, runId }: DeadHold): Promise<void> => {
    const opened = await client.send({ name: 'open', method: 'POST', path: `/api/agents/${agentId}/runs`, body: { leaseSeconds: 60 } })
    if (!isAccepted(opened)) return
    const { token, run } = opened.body
    const checkout = await client.send({
      name: 'checkout',
      method: 'POST',
      path: `/api/issues/${issueId}/checkout`,
      body: { agentId, expectedStatuses: ['in_progress'] },
      token,
    })
    if (isAccepted(checkout)) checkoutCount += 1
    // Whatever else has happened to the issue meanwhile, the dead run must not be the reason.
    else if (checkout.body?.details?.holder?.runId === runId)
      findings.reportViolation(
        'takenAtOnce',
        `issue ${issueId}: ${checkout.status} ${checkout.body?.code}, for run ${runId}, which is dead`,
      )
    await client.send({
      name: 'finish',
      method: 'POST',
      path: `/api/heartbeat-runs/${run.id}/finish`,
      body: { status: 'succeeded' },
      token,
    })
  }

  const check = async (): Promise<void> => {
    const deadHolds = await postgres.queryWithRetry<DeadHold>(
      `select i.id as "issueId", i.assignee_agent_id as "agentId", r.id as "runId", r.status,
         r.status not in ('queued', 'running') as "hasEnded", extract(epoch from clock_timestamp() - r.lease_expires_at)::float8 as since
       from issues i join heartbeat_runs r on r.id in (i.checkout_run_id, i.execution_run_id)
       where r.status not in ('queued', 'running') or r.lease_expires_at <= clock_timestamp()`,
    )
    const now = performance.now()
    if (now - lastAnswerAt > OUTAGE_GAP_MS) availableSince = now
    lastAnswerAt = now
    checkCount += 1
    for (const each of deadHolds) {
      if (each.hasEnded) {
        reportOnce('endsWhole', `${each.issueId} ${each.runId}`, `issue ${each.issueId} names run ${each.runId}, which is ${each.status}`)
        continue
      }
      const since = Math.min(each.since, (now - availableSince) / 1000)
      longestSeconds = Math.max(longestSeconds, since)
      if (since > WARN_AFTER_S && !lateRuns.has(each.runId)) {
        lateRuns.add(each.runId)
        log(`run ${each.runId}, whose lease ran out ${since.toFixed(1)} s ago, has not been ended yet`)
      }
      if (since > CLEAR_WITHIN_S)
        reportOnce(
          'freedInTime',
          each.runId,
          `issue ${each.issueId} is held by run ${each.runId} ${since.toFixed(1)} s after its lease ran out`,
        )
      if (each.agentId === null || probed.has(each.runId)) continue
      probed.add(each.runId)
      const probing = probe(each).finally(() => probes.delete(probing))
      probes.add(probing)
    }
    await readViolations()
    findings.reportCoverage(
      'freedInTime',
      `${checkCount} looks, ${probed.size} runs found dead while they held, the longest for ${longestSeconds.toFixed(1)} s`,
    )
    findings.reportCoverage('takenAtOnce', `${probed.size} tried, ${checkoutCount} taken`)
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
      await Promise.all(probes)
      await check()
    },
  }
}
