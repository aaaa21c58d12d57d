import { sql } from 'drizzle-orm'
import { agents } from '../../model/agents.ts'
import { runs } from '../../model/runs.ts'
import { isoJson, param, statement } from '../../platform/db/statement.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import type { LogLine } from './feed.ts'
import type { FeedEntry } from './readAfter.ts'

/** A message of the WebSocket before it has its number. */
export interface Frame {
  readonly companyId: string
  readonly type: string
  readonly createdAt: Instant
  /** JSON. */
  readonly payload: string
}

/** What an audit row says of runs and agents, beyond that it was written. */
interface AuditDetails {
  readonly entityId: string
  readonly agentId: string | null
  readonly details: Readonly<Record<string, unknown>> | null
}

interface DerivedChange {
  /** A run whose status changed, and to what. */
  readonly run?: { readonly id: string; readonly status: string }
  readonly agent?: { readonly id: string; readonly outcome: string | null }
}

const agentChanged = ({ entityId }: AuditDetails): DerivedChange => ({ agent: { id: entityId, outcome: null } })

function runChanged({ entityId, agentId }: AuditDetails, status: string, outcome: string | null): DerivedChange {
  const run = { id: entityId, status }
  return agentId === null ? { run } : { run, agent: { id: agentId, outcome } }
}

/** The actions that are more than an audit row to whoever watches agents at work. */
const changeDerivations: Readonly<Record<string, (row: AuditDetails) => DerivedChange>> = {
  'heartbeat.run_started': (row) => runChanged(row, 'running', null),
  'heartbeat.run_finished': (row) => {
    const status = String(row.details?.['status'])
    return runChanged(row, status, status)
  },
  'agent.paused': agentChanged,
  'agent.resumed': agentChanged,
  'agent.terminated': agentChanged,
  'agent.activated': agentChanged,
  'agent.updated': (row) => {
    const { changedKeys } = row.details ?? {}
    return Array.isArray(changedKeys) && changedKeys.includes('status') ? agentChanged(row) : {}
  },
}

const deriveChange = ({ action, payload }: FeedEntry): DerivedChange => {
  const derive = action === null ? undefined : changeDerivations[action]
  return derive === undefined ? {} : derive(JSON.parse(payload) as AuditDetails)
}

interface CurrentState {
  readonly about: 'queued' | 'run' | 'agent'
  readonly id: string
  readonly createdAt: Instant
  readonly facts: Readonly<Record<string, unknown>>
}

const runColumns = sql`'runId', id, 'agentId', agent_id, 'invocationSource', invocation_source, 'triggerDetail', trigger_detail`

// A run that is queued has the time of the transaction that queued it, and so has the audit row of what caused it. That
// row need not name the run: an issue was assigned, a comment written.
const currentStateQuery = statement<{ companyId: string; instants: string[]; runIds: string[]; agentIds: string[] }, CurrentState>(
  'feed_facts',
).read(sql`
  select 'queued' as about, id, ${isoJson(sql`created_at`)} as "createdAt",
    json_build_object(${runColumns}, 'wakeupRequestId', wakeup_request_id) as facts
  from ${runs} where company_id = ${param('companyId', 'uuid')} and created_at = any(${param('instants', 'timestamptz[]')})
    and wakeup_request_id is not null
  union all
  select 'run', id, ${isoJson(sql`created_at`)}, json_build_object(${runColumns}, 'error', error, 'errorCode', error_code,
    'startedAt', ${isoJson(sql`started_at`)}, 'finishedAt', ${isoJson(sql`finished_at`)})
  from ${runs} where company_id = ${param('companyId', 'uuid')} and id = any(${param('runIds', 'uuid[]')})
  union all
  select 'agent', id, ${isoJson(sql`created_at`)}, json_build_object('agentId', id, 'status', status,
    'lastHeartbeatAt', ${isoJson(sql`last_heartbeat_at`)})
  from ${agents} where company_id = ${param('companyId', 'uuid')} and id = any(${param('agentIds', 'uuid[]')})`)

/** Queued runs that were told of; one may come up again with the next entry of its transaction. */
const MAX_ANNOUNCED_RUNS = 500

/** Puts the entries of one company into the words of the WebSocket. */
export interface FrameEncoder {
  /**
   * The messages for entries: each entry itself, and behind it what it means for runs and agents, as they are now. What
   * is gone by now is left out.
   */
  encode(entries: readonly FeedEntry[]): Promise<Frame[]>
}

export function createFrameEncoder(db: Pick<ReadDb, 'run'>, companyId: string): FrameEncoder {
  const announcedRuns = new Set<string>()

  const isFirstAnnouncement = ({ id }: CurrentState): boolean => {
    if (announcedRuns.has(id)) return false
    const [oldest] = announcedRuns
    if (announcedRuns.size >= MAX_ANNOUNCED_RUNS && oldest !== undefined) announcedRuns.delete(oldest)
    announcedRuns.add(id)
    return true
  }

  return {
    async encode(entries) {
      const changes = entries.map((entry) => ({ entry, ...deriveChange(entry) }))
      const states = await db.run(currentStateQuery, {
        companyId,
        instants: [...new Set(entries.map(({ createdAt }) => createdAt))],
        runIds: changes.flatMap(({ run }) => run?.id ?? []),
        agentIds: changes.flatMap(({ agent }) => agent?.id ?? []),
      })
      const stateOf = (about: CurrentState['about'], id: string | undefined) =>
        states.find((state) => state.about === about && state.id === id)?.facts
      return changes.flatMap(({ entry, run, agent }): Frame[] => {
        const { createdAt, type, payload } = entry
        const frame = (kind: string, content: object): Frame => ({ companyId, createdAt, type: kind, payload: JSON.stringify(content) })
        const frames: Frame[] = [{ companyId, createdAt, type, payload }]
        for (const state of states)
          if (state.about === 'queued' && state.createdAt === createdAt && isFirstAnnouncement(state))
            frames.push(frame('heartbeat.run.queued', state.facts))
        const changedRun = stateOf('run', run?.id)
        if (run !== undefined && changedRun !== undefined) frames.push(frame('heartbeat.run.status', { ...changedRun, status: run.status }))
        const changedAgent = stateOf('agent', agent?.id)
        if (agent !== undefined && changedAgent !== undefined)
          frames.push(frame('agent.status', { ...changedAgent, outcome: agent.outcome }))
        return frames
      })
    },
  }
}

/** What is told of one line of output at most; the whole of it is in the run's log. */
const MAX_LOG_BYTES = 8 * 1024

/** A line of output as a message: its tail, where it is long. */
export function logFrame(line: LogLine): Frame {
  const { companyId, runId, agentId, ts, stream, chunk } = line
  const bytes = Buffer.from(chunk, 'utf8')
  const truncated = bytes.length > MAX_LOG_BYTES
  // A character that was cut through becomes a replacement character, and goes.
  const tail = truncated
    ? bytes
        .subarray(-MAX_LOG_BYTES)
        .toString('utf8')
        .replace(/^\uFFFD+/, '')
    : chunk
  const payload = JSON.stringify({ runId, agentId, ts, stream, chunk: tail, truncated })
  return { companyId, createdAt: ts, type: 'heartbeat.run.log', payload }
}
