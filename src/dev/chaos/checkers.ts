import { readFileSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { findLostChanges, countUnpaired } from '../testing/loadGenerator.ts'
import { BOARD_TOKEN } from './servers.ts'
import type { Server } from './servers.ts'
import type { Findings } from './properties.ts'
import type { ExecutionLog } from './executionLog.ts'
import type { Postgres } from './postgres.ts'
import { isAccepted } from './client.ts'
import type { CompletedOperation } from './client.ts'

/** The audit row that an accepted operation must write. With `mayRepeat`, a repeat changes nothing and writes no row. */
const expectedAudit: Readonly<Record<string, { readonly action: string; readonly mayRepeat: boolean }>> = {
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
  // An event that was sent twice is recorded once.
  cost: { action: 'cost.reported', mayRepeat: true },
  resolve: { action: 'budget.incident_resolved', mayRepeat: false },
  limit: { action: 'budget.policy_upserted', mayRepeat: true },
}

interface AuditEffect {
  readonly requestId: string
  readonly actions: readonly string[]
  readonly transactions: number
}

/**
 * How often an operation may have taken effect. A refused operation never has. An operation with an Idempotency-Key has at
 * most once, however often it was sent (I9). The server ignores the key of a PATCH, so each lost attempt may have taken effect.
 */
function allowedEffects({ operation, status, body, lostAttempts }: CompletedOperation, mayRepeat: boolean): { min: number; max: number } {
  const max = operation.method === 'PATCH' ? lostAttempts + 1 : 1
  if (status === null || status >= 400) return { min: 0, max: lostAttempts === 0 ? 0 : Math.min(max, lostAttempts) }
  if (status === 204 || body?.status === 'skipped') return { min: 0, max: 0 }
  return { min: mayRepeat ? 0 : 1, max }
}

/** Checks that each operation has its audit rows, in one transaction, and that a refused operation has none. */
export async function checkRequests(postgres: Postgres, history: readonly CompletedOperation[], findings: Findings): Promise<void> {
  const rows = await postgres.queryWithRetry<AuditEffect>(
    `select request_id as "requestId", array_agg(action) as actions, count(distinct txid)::int as transactions
     from activity_log where request_id like 'chaos-%' group by request_id`,
  )
  const byRequest = new Map(rows.map((row) => [row.requestId, row]))
  for (const completed of history) {
    const rule = expectedAudit[completed.operation.name]
    if (rule === undefined) continue
    const { actions, transactions } = byRequest.get(completed.id) ?? { actions: [], transactions: 0 }
    const { min, max } = allowedEffects(completed, rule.mayRepeat)
    const count = actions.filter((action) => action === rule.action).length
    // An accepted operation without its expected row must have no other row, unless the answer is `skipped`: a skipped wake
    // writes a row when it is deferred or closed.
    const isUnexplained = count === 0 && transactions > 0 && isAccepted(completed) && completed.body?.status !== 'skipped'
    if (count >= min && count <= max && transactions <= Math.max(1, max) && !isUnexplained && !(transactions > 0 && isRefused(completed)))
      continue
    const answer =
      completed.status === null ? 'no answer' : `${completed.status} ${completed.body?.code ?? ''} ${completed.body?.error ?? ''}`
    const attempt = `${completed.operation.name} ${completed.operation.path}: ${answer} after ${completed.lostAttempts} lost attempts`
    findings.reportViolation('accepted', `${attempt} wrote [${actions.join(', ')}] in ${transactions} transactions, ${completed.id}`)
  }
  const accepted = history.filter(isAccepted).length
  const repeated = history.filter((completed) => completed.lostAttempts > 0).length
  findings.reportCoverage('accepted', `${history.length} requests, ${accepted} accepted, ${repeated} sent again after a lost attempt`)
}

const isRefused = (completed: CompletedOperation): boolean =>
  completed.status !== null && completed.status >= 400 && completed.lostAttempts === 0

type Acknowledged = Parameters<typeof findLostChanges>[1][number]

function acknowledgedBy({ operation, body }: CompletedOperation): Acknowledged[] {
  const [, , , entityId = ''] = operation.path.split('/')
  switch (operation.name) {
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
    case 'cost':
      return [{ action: 'cost.reported', entityId: body.id, details: { costMicrocents: body.costMicrocents } }]
    case 'force':
      return [{ action: 'issue.admin_force_release', entityId, details: { lockEpoch: body.issue.lockEpoch } }]
    default:
      return []
  }
}

/** The audit row of an adoption. A checkout by a run that adopted the issue is accepted and writes no row of its own. */
const asAdoption = ({ action, entityId, details }: Acknowledged): Acknowledged[] =>
  action === 'issue.checked_out' && details['runId'] !== null
    ? [
        {
          action: 'issue.checkout_lock_adopted',
          entityId,
          details: { checkoutRunId: details['runId'], lockEpoch: details['lockEpoch'] },
        },
      ]
    : []

/** Checks that every acknowledged change is stored: its row, and its audit row. */
export async function checkDurability({ sql }: Postgres, history: readonly CompletedOperation[], findings: Findings): Promise<void> {
  const acknowledged = history.filter(isAccepted).flatMap(acknowledgedBy)
  const absent = await findLostChanges(sql, acknowledged)
  const notAdopted = absent.filter((each) => asAdoption(each).length === 0)
  for (const each of [...notAdopted, ...(await findLostChanges(sql, absent.flatMap(asAdoption)))])
    findings.reportViolation('kept', `lost: ${JSON.stringify(each)}`)
  for (const [description, count] of Object.entries(await countUnpaired(sql)))
    if (count > 0) findings.reportViolation('audited', `${count} rows without their counterpart: ${description}`)
  findings.reportCoverage('kept', `${acknowledged.length} acknowledged changes`)
}

/** Checks the rows of runs after every run has ended. @returns the numbers of runs for the report */
export async function checkRuns(postgres: Postgres, findings: Findings): Promise<{ ended: number; started: number; byStatus: string }> {
  const unended = await postgres.queryWithRetry<{ id: string; status: string; agent: string }>(
    `select r.id, r.status, a.name as agent from heartbeat_runs r join agents a on a.id = r.agent_id where r.status in ('queued', 'running')`,
  )
  for (const { id, status, agent } of unended) findings.reportViolation('endsOnce', `run ${id} of ${agent} is still ${status}`)
  const unequal = await postgres.queryWithRetry<{ id: string; ends: number }>(
    `select r.id, count(l.seq)::int as ends from heartbeat_runs r
     left join activity_log l on l.entity_id = r.id::text and l.action = 'heartbeat.run_finished'
     where r.status not in ('queued', 'running') group by r.id having count(l.seq) <> 1`,
  )
  for (const { id, ends } of unequal)
    findings.reportViolation('endsOnce', `run ${id} has ended and has ${ends} audit rows heartbeat.run_finished`)
  const [counts = { ended: 0, started: 0, audited: 0, byStatus: '' }] = await postgres.queryWithRetry<{
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
  findings.reportCoverage('endsOnce', `${counts.ended} runs`)
  findings.reportCoverage('endsWhole', `${counts.ended} ends`)
  findings.reportCoverage('claimedOnce', `${counts.started} runs started`)
  findings.reportCoverage('audited', `${counts.audited} transactions with audit rows`)
  return counts
}

/** The lease of a supervised run. No command may start after it. */
const LEASE_MS = 30_000
/** Tolerance for the start of a process and for /proc/uptime, which has steps of ten milliseconds. */
const SLACK_MS = 1000

/** Checks that each executed command was claimed, was executed once, and started within the lease. */
export async function checkCommands(postgres: Postgres, executionLog: ExecutionLog, findings: Findings): Promise<void> {
  executionLog.read()
  const rows = await postgres.queryWithRetry<{ id: string; startedAt: number }>(
    `select id, extract(epoch from started_at)::float8 * 1000 as "startedAt" from heartbeat_runs where supervisor_id is not null`,
  )
  const claimed = new Map(rows.map((row) => [row.id, row.startedAt]))
  const seen = new Set<string>()
  for (const { runId, at } of executionLog.executions) {
    if (seen.has(runId)) findings.reportViolation('executedOnce', `run ${runId} was executed again`)
    seen.add(runId)
    const startedAt = claimed.get(runId)
    if (startedAt === undefined) findings.reportViolation('executedOnce', `run ${runId} was executed and never claimed`)
    else if (at - startedAt > LEASE_MS + SLACK_MS)
      findings.reportViolation('executedOnce', `run ${runId} was executed ${Math.round((at - startedAt) / 1000)} s after it was claimed`)
  }
  findings.reportCoverage('executedOnce', `${executionLog.executions.length} commands executed for ${claimed.size} claims`)
}

/** The living processes with the marker of this chaos test in their environment. */
export const findMarkedProcesses = (marker: string): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`.includes(`\0CHAOS=${marker}\0`)
      } catch {
        return false
      }
    })

/** The orphan reaper searches every ten seconds for processes of a dead server and gives them two seconds to end. */
const ORPHANS_TIMEOUT_MS = 25_000

/** Checks that no process of a run is left. */
export async function checkOrphans(marker: string, findings: Findings): Promise<void> {
  const startedAt = performance.now()
  while (findMarkedProcesses(marker).length > 0 && performance.now() - startedAt < ORPHANS_TIMEOUT_MS) await sleep(200)
  for (const pid of findMarkedProcesses(marker)) findings.reportViolation('orphans', `process ${pid} is alive`)
  findings.reportCoverage('orphans', `checked ${((performance.now() - startedAt) / 1000).toFixed(1)} s after the last run ended`)
}

interface ChainReport {
  readonly ok: boolean
  readonly sealedRows: number
  readonly unsealedRows: number
  readonly firstBroken: unknown
}

const SEAL_TIMEOUT_MS = 15_000

/** Checks on every server that the audit chain is intact and contains every row. */
export async function checkChain(servers: readonly Server[], companyId: string, findings: Findings): Promise<void> {
  for (const { name, url } of servers) {
    const deadline = performance.now() + SEAL_TIMEOUT_MS
    for (;;) {
      const response = await fetch(`${url}/api/companies/${companyId}/activity/verify`, {
        headers: { authorization: `Bearer ${BOARD_TOKEN}` },
      })
      const report = (await response.json()) as ChainReport
      findings.reportCoverage('chain', `${report.sealedRows} rows sealed, verified by each of ${servers.length} servers`)
      if (!report.ok) {
        findings.reportViolation('chain', `${name}: ${JSON.stringify(report.firstBroken ?? report)}`)
        break
      }
      if (report.unsealedRows === 0) break
      if (performance.now() > deadline) {
        findings.reportViolation('chain', `${name}: ${report.unsealedRows} rows are not sealed`)
        break
      }
      await sleep(200)
    }
  }
}

/** The error that a server logs, in addition to refused requests, when its database is unreachable. */
const DATABASE_UNRESPONSIVE = 'the database does not answer: requests are refused until it does'
/** Errors that a server logs before it exits when it is started while the database is unreachable. */
const databaseUnreachablePattern =
  /ECONNREFUSED|ENOENT|ECONNRESET|57P03|closes the connection|ended a connection while|Connection terminated|terminating connection|database system is|does not answer|timeout/i

/** A worker that the chaos test killed, or that ended because it was started while the database was unreachable: it says that itself. */
const isExpectedEnd = (line: string): boolean =>
  line.includes('"msg":"a worker ended; it is started again"') && /"how":"(?:signal SIGKILL|code 1)"/.test(line)

const ERROR_LEVEL = 50

/** Checks that the servers logged no deadlock, no error other than an unreachable database, and only JSON lines. */
export function checkLogs(servers: readonly Server[], findings: Findings): void {
  let lines = 0
  for (const { name, log } of servers) {
    for (const line of log().split('\n').filter(Boolean)) {
      lines += 1
      if (line.includes('40P01')) findings.reportViolation('noDeadlock', `${name}: ${line.slice(0, 300)}`)
      if (!line.startsWith('{')) {
        findings.reportViolation('orderly', `${name} logged ${line.slice(0, 300)}`)
        continue
      }
      const { level, msg, status } = JSON.parse(line) as { level: number; msg: string; status?: number }
      const isExpected = status === 503 || msg === DATABASE_UNRESPONSIVE || databaseUnreachablePattern.test(line) || isExpectedEnd(line)
      if (level >= ERROR_LEVEL && !isExpected) findings.reportViolation('orderly', `${name} logged ${line.slice(0, 600)}`)
    }
  }
  findings.reportCoverage('orderly', `${lines} log lines checked`)
}
