import { setTimeout as sleep } from 'node:timers/promises'
import type { Findings, Law } from './laws.ts'
import type { Postgres } from './postgres.ts'
import { isAccepted } from './requests.ts'
import type { Requests } from './requests.ts'

const LOOK_EVERY_MS = 250
/** Lock-protocol §9, I3: the columns are clear within the lease and this. */
const FREED_WITHIN_S = 10
/** The reaper comes every five seconds, on each server: what takes longer than one of its rounds is told. */
const WORTH_TELLING_S = 6
/** Longer between two answers, and the database has been away: nobody could have freed anything meanwhile. */
const AWAY_MS = 1500

interface Dead {
  readonly issueId: string
  readonly agentId: string | null
  readonly runId: string
  readonly status: string
  readonly hasEnded: boolean
  /** Seconds since the lease ran out, on the database's clock. */
  readonly since: number
}

interface Fault {
  readonly id: number
  readonly law: Law
  readonly detail: string
}

/** Looks all the time whether somebody dead holds an issue, and what Postgres has written down. */
export interface Monitor {
  /** Looks once more and ends. */
  stop(): Promise<void>
}

export function startMonitor(postgres: Postgres, requests: Requests, findings: Findings, say: (line: string) => void): Monitor {
  let stopped = false
  let answeredAt = performance.now()
  /** Since when the database has answered without a pause. */
  let backAt = performance.now()
  let lastFault = 0
  let longest = 0
  let taken = 0
  let looks = 0
  const told = new Set<string>()
  const probed = new Set<string>()
  const late = new Set<string>()
  const probes = new Set<Promise<void>>()

  const once = (law: Law, key: string, detail: string): void => {
    if (!told.has(`${law} ${key}`)) findings.fault(law, detail)
    told.add(`${law} ${key}`)
  }

  const readFaults = async (): Promise<void> => {
    const rows = await postgres.ask<Fault>('select id, law, detail from torture.faults where id > $1 order by id limit 1000', [lastFault])
    for (const { id, law, detail } of rows) {
      lastFault = id
      findings.fault(law, detail)
    }
  }

  /** A run whose lease is out holds nothing: a fresh run of the assignee takes the issue with one request. */
  const probe = async ({ issueId, agentId, runId }: Dead): Promise<void> => {
    const opened = await requests.send({ name: 'open', method: 'POST', path: `/api/agents/${agentId}/runs`, body: { leaseSeconds: 60 } })
    if (!isAccepted(opened)) return
    const { token, run } = opened.body
    const checkout = await requests.send({
      name: 'checkout',
      method: 'POST',
      path: `/api/issues/${issueId}/checkout`,
      body: { agentId, expectedStatuses: ['in_progress'] },
      token,
    })
    if (isAccepted(checkout)) taken += 1
    // Whatever else has happened to the issue meanwhile, the dead run must not be the reason.
    else if (checkout.body?.details?.holder?.runId === runId)
      findings.fault('takenAtOnce', `issue ${issueId}: ${checkout.status} ${checkout.body?.code}, for run ${runId}, which is dead`)
    await requests.send({
      name: 'finish',
      method: 'POST',
      path: `/api/heartbeat-runs/${run.id}/finish`,
      body: { status: 'succeeded' },
      token,
    })
  }

  const look = async (): Promise<void> => {
    const dead = await postgres.ask<Dead>(
      `select i.id as "issueId", i.assignee_agent_id as "agentId", r.id as "runId", r.status,
         r.status not in ('queued', 'running') as "hasEnded", extract(epoch from clock_timestamp() - r.lease_expires_at)::float8 as since
       from issues i join heartbeat_runs r on r.id in (i.checkout_run_id, i.execution_run_id)
       where r.status not in ('queued', 'running') or r.lease_expires_at <= clock_timestamp()`,
    )
    const now = performance.now()
    if (now - answeredAt > AWAY_MS) backAt = now
    answeredAt = now
    looks += 1
    for (const each of dead) {
      if (each.hasEnded) {
        once('endsWhole', `${each.issueId} ${each.runId}`, `issue ${each.issueId} names run ${each.runId}, which is ${each.status}`)
        continue
      }
      const since = Math.min(each.since, (now - backAt) / 1000)
      longest = Math.max(longest, since)
      if (since > WORTH_TELLING_S && !late.has(each.runId)) {
        late.add(each.runId)
        say(`run ${each.runId}, whose lease ran out ${since.toFixed(1)} s ago, has not been ended yet`)
      }
      if (since > FREED_WITHIN_S)
        once('freedInTime', each.runId, `issue ${each.issueId} is held by run ${each.runId} ${since.toFixed(1)} s after its lease ran out`)
      if (each.agentId === null || probed.has(each.runId)) continue
      probed.add(each.runId)
      const asking = probe(each).finally(() => probes.delete(asking))
      probes.add(asking)
    }
    await readFaults()
    findings.saw('freedInTime', `${looks} looks, ${probed.size} runs found dead while they held, the longest for ${longest.toFixed(1)} s`)
    findings.saw('takenAtOnce', `${probed.size} tried, ${taken} taken`)
  }

  const watch = async (): Promise<void> => {
    while (!stopped) {
      await look()
      await sleep(LOOK_EVERY_MS)
    }
  }
  const watching = watch()
  return {
    async stop() {
      stopped = true
      await watching
      await Promise.all(probes)
      await look()
    },
  }
}
