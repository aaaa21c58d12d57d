import { sql } from 'drizzle-orm'
import { agents } from '../db/schema/agents.ts'
import { runs } from '../db/schema/runs.ts'
import { isoJson, param, statement } from '../db/statement.ts'
import type { ReadDb } from '../db/store.ts'
import type { Instant } from '../kernel/time.ts'
import type { LogLine } from './feed.ts'
import type { Entry } from './look.ts'

/** A message of the WebSocket before it has its number. */
export interface Frame {
  readonly companyId: string
  readonly type: string
  readonly createdAt: Instant
  /** JSON. */
  readonly payload: string
}

/** What an audit row says of runs and agents, beyond that it was written. */
interface Told {
  readonly entityId: string
  readonly agentId: string | null
  readonly details: Readonly<Record<string, unknown>> | null
}

interface Meaning {
  /** A run whose status changed, and to what. */
  readonly run?: { readonly id: string; readonly status: string }
  readonly agent?: { readonly id: string; readonly outcome: string | null }
}

const agentChanged = ({ entityId }: Told): Meaning => ({ agent: { id: entityId, outcome: null } })

function runChanged({ entityId, agentId }: Told, status: string, outcome: string | null): Meaning {
  const run = { id: entityId, status }
  return agentId === null ? { run } : { run, agent: { id: agentId, outcome } }
}

/** The actions that are more than an audit row to whoever watches agents at work. */
const meanings: Readonly<Record<string, (told: Told) => Meaning>> = {
  'heartbeat.run_started': (told) => runChanged(told, 'running', null),
  'heartbeat.run_finished': (told) => {
    const status = String(told.details?.['status'])
    return runChanged(told, status, status)
  },
  'agent.paused': agentChanged,
  'agent.resumed': agentChanged,
  'agent.terminated': agentChanged,
  'agent.activated': agentChanged,
  'agent.updated': (told) => {
    const { changedKeys } = told.details ?? {}
    return Array.isArray(changedKeys) && changedKeys.includes('status') ? agentChanged(told) : {}
  },
}

const meaningOf = ({ action, payload }: Entry): Meaning => {
  const meaning = action === null ? undefined : meanings[action]
  return meaning === undefined ? {} : meaning(JSON.parse(payload) as Told)
}

interface Fact {
  readonly about: 'queued' | 'run' | 'agent'
  readonly id: string
  readonly createdAt: Instant
  readonly facts: Readonly<Record<string, unknown>>
}

const runFacts = sql`'runId', id, 'agentId', agent_id, 'invocationSource', invocation_source, 'triggerDetail', trigger_detail`

// A run that is queued has the time of the transaction that queued it, and so has the audit row of what caused it. That
// row need not name the run: an issue was assigned, a comment written.
const factsOf = statement<{ companyId: string; instants: string[]; runIds: string[]; agentIds: string[] }, Fact>('feed_facts').read(sql`
  select 'queued' as about, id, ${isoJson(sql`created_at`)} as "createdAt",
    json_build_object(${runFacts}, 'wakeupRequestId', wakeup_request_id) as facts
  from ${runs} where company_id = ${param('companyId', 'uuid')} and created_at = any(${param('instants', 'timestamptz[]')})
    and wakeup_request_id is not null
  union all
  select 'run', id, ${isoJson(sql`created_at`)}, json_build_object(${runFacts}, 'error', error, 'errorCode', error_code,
    'startedAt', ${isoJson(sql`started_at`)}, 'finishedAt', ${isoJson(sql`finished_at`)})
  from ${runs} where company_id = ${param('companyId', 'uuid')} and id = any(${param('runIds', 'uuid[]')})
  union all
  select 'agent', id, ${isoJson(sql`created_at`)}, json_build_object('agentId', id, 'status', status,
    'lastHeartbeatAt', ${isoJson(sql`last_heartbeat_at`)})
  from ${agents} where company_id = ${param('companyId', 'uuid')} and id = any(${param('agentIds', 'uuid[]')})`)

/** Queued runs that were told of; one may come up again with the next entry of its transaction. */
const MOST_TOLD = 500

/** Puts the entries of one company into the words of the WebSocket. */
export interface Narrator {
  /**
   * The messages for entries: each entry itself, and behind it what it means for runs and agents, as they are now. What
   * is gone by now is left out.
   */
  tell(entries: readonly Entry[]): Promise<Frame[]>
}

export function createNarrator(db: Pick<ReadDb, 'run'>, companyId: string): Narrator {
  const toldRuns = new Set<string>()

  const isNew = ({ id }: Fact): boolean => {
    if (toldRuns.has(id)) return false
    const [oldest] = toldRuns
    if (toldRuns.size >= MOST_TOLD && oldest !== undefined) toldRuns.delete(oldest)
    toldRuns.add(id)
    return true
  }

  return {
    async tell(entries) {
      const told = entries.map((entry) => ({ entry, ...meaningOf(entry) }))
      const facts = await db.run(factsOf, {
        companyId,
        instants: [...new Set(entries.map(({ createdAt }) => createdAt))],
        runIds: told.flatMap(({ run }) => run?.id ?? []),
        agentIds: told.flatMap(({ agent }) => agent?.id ?? []),
      })
      const factsAbout = (about: Fact['about'], id: string | undefined) =>
        facts.find((fact) => fact.about === about && fact.id === id)?.facts
      return told.flatMap(({ entry, run, agent }): Frame[] => {
        const { createdAt, type, payload } = entry
        const frame = (kind: string, content: object): Frame => ({ companyId, createdAt, type: kind, payload: JSON.stringify(content) })
        const frames: Frame[] = [{ companyId, createdAt, type, payload }]
        for (const fact of facts)
          if (fact.about === 'queued' && fact.createdAt === createdAt && isNew(fact)) frames.push(frame('heartbeat.run.queued', fact.facts))
        const changedRun = factsAbout('run', run?.id)
        if (run !== undefined && changedRun !== undefined) frames.push(frame('heartbeat.run.status', { ...changedRun, status: run.status }))
        const changedAgent = factsAbout('agent', agent?.id)
        if (agent !== undefined && changedAgent !== undefined)
          frames.push(frame('agent.status', { ...changedAgent, outcome: agent.outcome }))
        return frames
      })
    },
  }
}

/** What is told of one line of output at most; the whole of it is in the run's log. */
const MOST_LOG_BYTES = 8 * 1024

/** A line of output as a message: its tail, where it is long. */
export function logFrame(line: LogLine): Frame {
  const { companyId, runId, agentId, ts, stream, chunk } = line
  const bytes = Buffer.from(chunk, 'utf8')
  const truncated = bytes.length > MOST_LOG_BYTES
  // A character that was cut through becomes a replacement character, and goes.
  const tail = truncated
    ? bytes
        .subarray(-MOST_LOG_BYTES)
        .toString('utf8')
        .replace(/^\uFFFD+/, '')
    : chunk
  const payload = JSON.stringify({ runId, agentId, ts, stream, chunk: tail, truncated })
  return { companyId, createdAt: ts, type: 'heartbeat.run.log', payload }
}
