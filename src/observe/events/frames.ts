import { sql } from 'drizzle-orm'
import { agents } from '../../model/agents.ts'
import { runs } from '../../model/runs.ts'
import { isoJson, param, statement } from '../../platform/db/statement.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import { createBoundedCache } from '../../platform/kernel/boundedCache.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import type { LogLine } from './feed.ts'
import type { FeedEntry } from './readAfter.ts'

/** A message of the WebSocket, before it is numbered. */
export interface Frame {
  readonly companyId: string
  readonly type: string
  readonly createdAt: Instant
  /** JSON. */
  readonly payload: string
}

/** The fields of an audit row from which changes of runs and agents are derived. */
interface AuditDetails {
  readonly entityId: string
  readonly agentId: string | null
  readonly details: Readonly<Record<string, unknown>> | null
}

interface DerivedChange {
  /** A run whose status changed, with the new status. */
  readonly run?: { readonly id: string; readonly status: string }
  readonly agent?: { readonly id: string; readonly outcome: string | null }
}

const agentChanged = ({ entityId }: AuditDetails): DerivedChange => ({ agent: { id: entityId, outcome: null } })

function runChanged({ entityId, agentId }: AuditDetails, status: string, outcome: string | null): DerivedChange {
  const run = { id: entityId, status }
  return agentId === null ? { run } : { run, agent: { id: agentId, outcome } }
}

/** The actions that also change the status of a run or an agent. */
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

// A queued run has the time of the transaction that queued it, and so has the audit row of the cause. That row may not
// name the run: an issue was assigned, or a comment was written.
const currentStateQuery = statement<{ companyId: string; instants: string[]; runIds: string[]; agentIds: string[] }, CurrentState>(
  'feed_current_states',
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

/** Queued runs that were sent already; the next entry of the same transaction finds them again. */
const MAX_ANNOUNCED_RUNS = 500

/** Encodes the events of one company as messages of the WebSocket. */
export interface FrameEncoder {
  /**
   * Returns the messages for entries: each entry itself, followed by the runs and agents that it changed, in their current
   * state. Rows that have been deleted are left out.
   */
  encode(entries: readonly FeedEntry[]): Promise<Frame[]>
}

export function createFrameEncoder(db: Pick<ReadDb, 'run'>, companyId: string): FrameEncoder {
  const announcedRuns = createBoundedCache<string, true>(MAX_ANNOUNCED_RUNS)

  const isFirstAnnouncement = ({ id }: CurrentState): boolean => {
    if (announcedRuns.has(id)) return false
    announcedRuns.set(id, true)
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

/** The most that is sent of one line of output, in bytes; the whole line is in the run's log. */
const MAX_LOG_BYTES = 8 * 1024

/** Encodes a line of output; of a long line only the last `MAX_LOG_BYTES`. */
export function logFrame(line: LogLine): Frame {
  const { companyId, runId, agentId, ts, stream, chunk } = line
  const bytes = Buffer.from(chunk, 'utf8')
  const truncated = bytes.length > MAX_LOG_BYTES
  // A character that was cut in two becomes a replacement character, which is removed.
  const tail = truncated
    ? bytes
        .subarray(-MAX_LOG_BYTES)
        .toString('utf8')
        .replace(/^\uFFFD+/, '')
    : chunk
  const payload = JSON.stringify({ runId, agentId, ts, stream, chunk: tail, truncated })
  return { companyId, createdAt: ts, type: 'heartbeat.run.log', payload }
}
