import { readFileSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { missing, unpaired } from '../testing/torture.ts'
import type { Server } from './fleet.ts'
import type { Findings } from './laws.ts'
import type { Ledger } from './ledger.ts'
import type { Postgres } from './postgres.ts'
import { isAccepted } from './requests.ts'
import type { Deed } from './requests.ts'

/** What an accepted request must have left in the audit; one that found its work done leaves nothing. */
const owed: Readonly<Record<string, { readonly action: string; readonly mayRepeat: boolean }>> = {
  checkout: { action: 'issue.checked_out', mayRepeat: true },
  claim: { action: 'issue.checked_out', mayRepeat: false },
  patch: { action: 'issue.updated', mayRepeat: false },
  comment: { action: 'issue.comment_added', mayRepeat: false },
  create: { action: 'issue.created', mayRepeat: false },
  release: { action: 'issue.released', mayRepeat: true },
  force: { action: 'issue.admin_force_release', mayRepeat: false },
  finish: { action: 'heartbeat.run_finished', mayRepeat: true },
  open: { action: 'heartbeat.run_started', mayRepeat: false },
  cancel: { action: 'heartbeat.cancelled', mayRepeat: true },
  pause: { action: 'agent.paused', mayRepeat: true },
  resume: { action: 'agent.resumed', mayRepeat: true },
  invoke: { action: 'heartbeat.invoked', mayRepeat: false },
  wakeup: { action: 'heartbeat.invoked', mayRepeat: false },
}

interface Left {
  readonly requestId: string
  readonly actions: readonly string[]
  readonly transactions: number
}

/**
 * How often a request may have had its effect. One that was refused has none, and one under an Idempotency-Key at most
 * one however often it was sent (I9); a PATCH has no such key, and says only what is to be.
 */
function timesDue({ wish, status, body, lost }: Deed, mayRepeat: boolean): { least: number; most: number } {
  const most = wish.method === 'PATCH' ? lost + 1 : 1
  if (status === null || status >= 400) return { least: 0, most: lost === 0 ? 0 : Math.min(most, lost) }
  if (status === 204 || body?.status === 'skipped') return { least: 0, most: 0 }
  return { least: mayRepeat ? 0 : 1, most }
}

/** Requests and audit rows are one to one: all rows of a request are of one transaction, a refused one has none. */
export async function judgeRequests(postgres: Postgres, deeds: readonly Deed[], findings: Findings): Promise<void> {
  const rows = await postgres.ask<Left>(
    `select request_id as "requestId", array_agg(action) as actions, count(distinct txid)::int as transactions
     from activity_log where request_id like 'torture-%' group by request_id`,
  )
  const byRequest = new Map(rows.map((row) => [row.requestId, row]))
  for (const deed of deeds) {
    const rule = owed[deed.wish.name]
    if (rule === undefined) continue
    const { actions, transactions } = byRequest.get(deed.id) ?? { actions: [], transactions: 0 }
    const { least, most } = timesDue(deed, rule.mayRepeat)
    const count = actions.filter((action) => action === rule.action).length
    // A wish that leads to no run of its own may still leave that it waits, or that it was closed.
    const isBare = count === 0 && transactions > 0 && isAccepted(deed) && deed.body?.status !== 'skipped'
    if (count >= least && count <= most && transactions <= Math.max(1, most) && !isBare && !(transactions > 0 && isRefused(deed))) continue
    const what = `${deed.wish.name} ${deed.wish.path}: ${deed.status ?? 'no answer'} after ${deed.lost} lost tries`
    findings.fault('accepted', `${what} left [${actions.join(', ')}] in ${transactions} transactions, ${deed.id}`)
  }
  const accepted = deeds.filter(isAccepted).length
  const repeated = deeds.filter((deed) => deed.lost > 0).length
  findings.saw('accepted', `${deeds.length} requests, ${accepted} accepted, ${repeated} sent again after a lost try`)
}

const isRefused = (deed: Deed): boolean => deed.status !== null && deed.status >= 400 && deed.lost === 0

type Acknowledged = Parameters<typeof missing>[1][number]

function acknowledgedBy({ wish, body }: Deed): Acknowledged[] {
  const [, , , entityId = ''] = wish.path.split('/')
  switch (wish.name) {
    case 'create':
      return [{ action: 'issue.created', entityId: body.id, details: { title: body.title }, row: { table: 'issues', id: body.id } }]
    case 'comment':
      return [{ action: 'issue.comment_added', entityId, details: { commentId: body.id }, row: { table: 'issue_comments', id: body.id } }]
    case 'checkout':
      return [{ action: 'issue.checked_out', entityId, details: { runId: body.checkoutRunId, lockEpoch: body.lockEpoch } }]
    case 'open':
      return [{ action: 'heartbeat.run_started', entityId: body.run.id, details: { agentId: body.run.agentId } }]
    case 'finish':
      return [{ action: 'heartbeat.run_finished', entityId, details: { status: body.status } }]
    case 'cancel':
      return [{ action: 'heartbeat.run_finished', entityId, details: { status: body.status } }]
    case 'force':
      return [{ action: 'issue.admin_force_release', entityId, details: { lockEpoch: body.issue.lockEpoch } }]
    default:
      return []
  }
}

/** A run that took an issue by adopting it is told at a checkout that it has it. */
const asAdopted = ({ action, entityId, details }: Acknowledged): Acknowledged[] =>
  action === 'issue.checked_out' && details['runId'] !== null
    ? [
        {
          action: 'issue.checkout_lock_adopted',
          entityId,
          details: { checkoutRunId: details['runId'], lockEpoch: details['lockEpoch'] },
        },
      ]
    : []

/** What was acknowledged is there. */
export async function judgeKept({ sql }: Postgres, deeds: readonly Deed[], findings: Findings): Promise<void> {
  const acknowledged = deeds.filter(isAccepted).flatMap(acknowledgedBy)
  const absent = await missing(sql, acknowledged)
  const others = absent.filter((each) => asAdopted(each).length === 0)
  for (const each of [...others, ...(await missing(sql, absent.flatMap(asAdopted)))])
    findings.fault('kept', `lost: ${JSON.stringify(each)}`)
  for (const [what, count] of Object.entries(await unpaired(sql)))
    if (count > 0) findings.fault('audited', `${count} without their other half: ${what}`)
  findings.saw('kept', `${acknowledged.length} acknowledged changes`)
}

/** What the tables say of runs, once everything has ended. */
export async function judgeRuns(postgres: Postgres, findings: Findings): Promise<{ ended: number; started: number; byStatus: string }> {
  const unended = await postgres.ask<{ id: string; status: string; agent: string }>(
    `select r.id, r.status, a.name as agent from heartbeat_runs r join agents a on a.id = r.agent_id where r.status in ('queued', 'running')`,
  )
  for (const { id, status, agent } of unended) findings.fault('endsOnce', `run ${id} of ${agent} is still ${status}`)
  const unequal = await postgres.ask<{ id: string; ends: number }>(
    `select r.id, count(l.seq)::int as ends from heartbeat_runs r
     left join activity_log l on l.entity_id = r.id::text and l.action = 'heartbeat.run_finished'
     where r.status not in ('queued', 'running') group by r.id having count(l.seq) <> 1`,
  )
  for (const { id, ends } of unequal) findings.fault('endsOnce', `run ${id} has ended and has ${ends} rows heartbeat.run_finished`)
  const [counts = { ended: 0, started: 0, audited: 0, byStatus: '' }] = await postgres.ask<{
    ended: number
    started: number
    audited: number
    byStatus: string
  }>(
    `select count(*) filter (where status not in ('queued', 'running'))::int as ended, count(started_at)::int as started,
       (select count(distinct txid)::int from activity_log) as audited,
       (select string_agg(n || ' ' || why, ', ' order by n desc) from (
         select count(*) as n, concat_ws(' ', status, error_code) as why from heartbeat_runs group by 2) each) as "byStatus"
     from heartbeat_runs`,
  )
  findings.saw('endsOnce', `${counts.ended} runs`)
  findings.saw('endsWhole', `${counts.ended} ends`)
  findings.saw('claimedOnce', `${counts.started} runs started`)
  findings.saw('audited', `${counts.audited} transactions with audit rows`)
  return counts
}

/** The lease of a run that a server supervises; a command that is only started after it is started on nothing. */
const LEASE_MS = 30_000
/** The clock that a command reads goes in steps of ten milliseconds, and starting one takes a moment. */
const SLACK_MS = 1000

/** What was executed was claimed, once, and not too late. */
export async function judgeCommands(postgres: Postgres, ledger: Ledger, findings: Findings): Promise<void> {
  ledger.read()
  const rows = await postgres.ask<{ id: string; startedAt: number }>(
    `select id, extract(epoch from started_at)::float8 * 1000 as "startedAt" from heartbeat_runs where supervisor_id is not null`,
  )
  const claimed = new Map(rows.map((row) => [row.id, row.startedAt]))
  const seen = new Set<string>()
  for (const { runId, at } of ledger.executed) {
    if (seen.has(runId)) findings.fault('executedOnce', `run ${runId} was executed again`)
    seen.add(runId)
    const startedAt = claimed.get(runId)
    if (startedAt === undefined) findings.fault('executedOnce', `run ${runId} was executed and never claimed`)
    else if (at - startedAt > LEASE_MS + SLACK_MS)
      findings.fault('executedOnce', `run ${runId} was executed ${Math.round((at - startedAt) / 1000)} s after it was claimed`)
  }
  findings.saw('executedOnce', `${ledger.executed.length} commands executed for ${claimed.size} claims`)
}

/** Processes of this torture that are there. */
export const processesMarked = (mark: string): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`.includes(`\0TORTURE=${mark}\0`)
      } catch {
        return false
      }
    })

/** A dead server's children are looked for every ten seconds, and get two to end. */
const ORPHANS_WITHIN_MS = 25_000

export async function judgeOrphans(mark: string, findings: Findings): Promise<void> {
  const begun = performance.now()
  while (processesMarked(mark).length > 0 && performance.now() - begun < ORPHANS_WITHIN_MS) await sleep(200)
  for (const pid of processesMarked(mark)) findings.fault('orphans', `process ${pid} lives`)
  findings.saw('orphans', `none ${((performance.now() - begun) / 1000).toFixed(1)} s after the last run has ended`)
}

interface Verdict {
  readonly ok: boolean
  readonly sealedRows: number
  readonly unsealedRows: number
  readonly firstBroken: unknown
}

const SEALED_WITHIN_MS = 15_000

/** Every server finds the chain whole, and everything in it. */
export async function judgeChain(servers: readonly Server[], companyId: string, findings: Findings): Promise<void> {
  for (const { name, url } of servers) {
    const deadline = performance.now() + SEALED_WITHIN_MS
    for (;;) {
      const response = await fetch(`${url}/api/companies/${companyId}/activity/verify`)
      const verdict = (await response.json()) as Verdict
      findings.saw('chain', `${verdict.sealedRows} rows sealed, found whole by each of ${servers.length} servers`)
      if (!verdict.ok) {
        findings.fault('chain', `${name}: ${JSON.stringify(verdict.firstBroken ?? verdict)}`)
        break
      }
      if (verdict.unsealedRows === 0) break
      if (performance.now() > deadline) {
        findings.fault('chain', `${name}: ${verdict.unsealedRows} rows are not sealed`)
        break
      }
      await sleep(200)
    }
  }
}

/** What a server says at the level of an error when its database is taken away, beside that it refuses requests. */
const SILENT = 'the database does not answer: requests are refused until it does'
/** A server that is started while the database is away ends, and says why. */
const isAway = /ECONNREFUSED|ENOENT|ECONNRESET|Connection terminated|terminating connection|database system is|does not answer|timeout/i

const ERROR_LEVEL = 50

/** What the servers have said. */
export function judgeLogs(servers: readonly Server[], findings: Findings): void {
  let lines = 0
  for (const { name, log } of servers) {
    for (const line of log().split('\n').filter(Boolean)) {
      lines += 1
      if (line.includes('40P01')) findings.fault('noDeadlock', `${name}: ${line.slice(0, 300)}`)
      if (!line.startsWith('{')) {
        findings.fault('orderly', `${name} said ${line.slice(0, 300)}`)
        continue
      }
      const { level, msg, status } = JSON.parse(line) as { level: number; msg: string; status?: number }
      if (level >= ERROR_LEVEL && status !== 503 && msg !== SILENT && !isAway.test(line))
        findings.fault('orderly', `${name} said ${line.slice(0, 600)}`)
    }
  }
  findings.saw('orderly', `${lines} lines of warnings read`)
}
