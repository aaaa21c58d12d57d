import { sql } from 'drizzle-orm'
import { evictions, issues } from '../model/issues.ts'
import { isLive, isUnended, runs } from '../model/runs.ts'
import { agents } from '../model/agents.ts'
import { companies } from '../model/companies.ts'
import { isDeferred, isOpen, wakes } from '../model/wakes.ts'
import { sqlCheck } from './check.ts'
import type { SqlCheck } from './check.ts'

const RELEASE = 'It force-releases the issue, which is audited and wakes who waits for it.'

/** The reaper needs ten seconds (I3). Three times as long means that none works, also on a busy machine. */
const LATE = sql.raw("interval '30 seconds'")
/** Tasks of servers end what a stop has left within seconds. */
const LEFT_BEHIND = sql.raw("interval '2 minutes'")

const isHolder = sql.raw('r.id in (i.checkout_run_id, i.execution_run_id)')
const hasEnded = sql.raw("r.status not in ('queued', 'running')")

const heldBy = sql`${issues} i join ${runs} r on ${isHolder}`
const name = sql.raw('i.identifier')

/** The promises about holds, runs and wakes, true at every commit or within the time that the protocol gives. */
export const holdChecks: readonly SqlCheck[] = [
  sqlCheck(
    {
      id: 'hold.ended-run',
      meaning: 'An issue names a run as its holder that has ended or does not exist. The run holds nothing, but the issue looks taken.',
      remedy: 'Release the issue: paperclip-server locks release ISSUE --reason "its run has ended".',
      mends: RELEASE,
    },
    sql`select i.company_id, i.id, i.assignee_agent_id as agent_id, format('%s names the run %s, which %s', ${name}, named.run_id,
        coalesce('is ' || r.status, 'does not exist')) as what
      from ${issues} i cross join lateral (select i.checkout_run_id union select i.execution_run_id) named (run_id)
      left join ${runs} r on r.id = named.run_id
      where named.run_id is not null and (i.checkout_run_id is not null or i.execution_run_id is not null) and (r.id is null or ${hasEnded})`,
  ),
  sqlCheck(
    {
      id: 'hold.two-holders',
      meaning: 'Two live runs hold one issue (I1), so two agents may work on it at once.',
      remedy: 'Release the issue, and look at what both runs have done: paperclip-server locks show ISSUE.',
      mends: RELEASE,
    },
    sql`select i.company_id, i.id, i.assignee_agent_id as agent_id, format('%s is held by the runs %s and %s', ${name}, i.checkout_run_id, i.execution_run_id) as what
      from ${issues} i where i.checkout_run_id <> i.execution_run_id
        and 2 = (select count(*) from ${runs} r where ${isHolder} and ${isLive('r')})`,
  ),
  sqlCheck(
    {
      id: 'hold.foreign-run',
      meaning: 'A live run of another agent than the assignee, or of another company, holds an issue (I1).',
      remedy: 'Release the issue: paperclip-server locks release ISSUE --reason "held by a foreign run".',
      mends: RELEASE,
    },
    sql`select i.company_id, i.id, i.assignee_agent_id as agent_id, format('%s is held by the run %s of another agent or company', ${name}, r.id) as what
      from ${heldBy} where ${isLive('r')} and (r.agent_id is distinct from i.assignee_agent_id or r.company_id <> i.company_id)`,
  ),
  sqlCheck(
    {
      id: 'hold.not-in-progress',
      meaning: 'A live run holds an issue that is not in progress (I1), so its next write is refused.',
      remedy: 'Release the issue: paperclip-server locks release ISSUE --reason "held although it is not in progress".',
      mends: RELEASE,
    },
    sql`select i.company_id, i.id, i.assignee_agent_id as agent_id, format('%s is %s and held by the run %s', ${name}, i.status, r.id) as what
      from ${heldBy} where ${isLive('r')} and i.status <> 'in_progress'`,
  ),
  sqlCheck(
    {
      id: 'hold.evicted-run',
      meaning: 'A run holds an issue that it was evicted from (I5).',
      remedy: 'Release the issue, and cancel the run: paperclip-server locks release ISSUE --cancel-run --reason "evicted".',
      mends: RELEASE,
    },
    sql`select i.company_id, i.id, i.assignee_agent_id as agent_id, format('%s is held by the run %s, which was evicted from it', ${name}, e.run_id) as what
      from ${issues} i join ${evictions} e on e.issue_id = i.id and e.run_id in (i.checkout_run_id, i.execution_run_id)`,
  ),
  sqlCheck(
    {
      id: 'run.expired',
      meaning:
        'The lease of a run expired and no server has ended the run. Its issues can be taken, but nothing wakes the next agent for them.',
      remedy: 'Start a server, whose reaper ends such runs within seconds. If one runs, its log says why the reaper fails.',
      mends: 'It ends the run as the reaper does.',
    },
    sql`select r.company_id, r.id, r.agent_id, format('the run %s is %s, and its lease expired at %s', r.id, r.status, r.lease_expires_at) as what
      from ${runs} r where ${isUnended('r')} and r.lease_expires_at < clock_timestamp() - ${LATE}`,
  ),
  sqlCheck(
    {
      id: 'run.of-stopped-agent',
      meaning: 'A run goes on although its agent is paused or terminated, or its company is archived (I22).',
      remedy: 'Cancel the run: paperclip-server runs cancel RUN.',
      mends: 'It ends the runs as the stop of the agent does.',
    },
    sql`select r.company_id, r.id, r.agent_id, format('the run %s is %s, its agent %s is %s, its company %s', r.id, r.status, a.url_key, a.status, c.status) as what
      from ${runs} r join ${agents} a on a.id = r.agent_id join ${companies} c on c.id = a.company_id
      where ${isUnended('r')} and ${isLive('r')} and ((c.status = 'archived' and c.updated_at < clock_timestamp() - ${LEFT_BEHIND})
        or (a.updated_at < clock_timestamp() - ${LEFT_BEHIND}
          and (a.status = 'terminated' or (a.status = 'paused' and a.pause_reason is distinct from 'budget'))))`,
  ),
  sqlCheck(
    {
      id: 'run.no-time',
      meaning: 'A run has ended without the time of its end, or runs without the time of its start, so figures and retention miss it.',
      remedy: 'Such a row was written by hand or by another program: find out which, and correct the row as the owner of the database.',
    },
    sql`select r.company_id, r.id, r.agent_id, format('the run %s is %s and has no time of its %s', r.id, r.status,
        case when ${hasEnded} then 'end' else 'start' end) as what
      from ${runs} r where (${hasEnded} and r.finished_at is null) or (r.status = 'running' and r.started_at is null)`,
  ),
  sqlCheck(
    {
      id: 'wake.stranded',
      meaning: 'A wake waits for the holder of an issue that no run holds, so its agent is never run (I23).',
      remedy: 'Wake the agent for the issue: paperclip-server agents wake AGENT --issue ISSUE.',
      mends: 'It queues a run for the wake, or closes the wake when it is no longer valid.',
    },
    sql`select w.company_id, i.id, w.agent_id, format('the wake %s waits for %s, which no run holds', w.id, ${name}) as what
      from ${wakes} w join ${issues} i on i.id = w.issue_id
      where ${isDeferred('w')} and not exists (select from ${runs} r where ${isHolder} and not (${hasEnded}))
        and not exists (select from ${runs} r where r.issue_id = i.id and not (${hasEnded}))`,
  ),
  sqlCheck(
    {
      id: 'wake.ended-run',
      meaning: 'A wake is open although its run has ended or does not exist, so further wakes of the agent join one that never runs.',
      remedy: 'Wake the agent again: paperclip-server agents wake AGENT.',
      mends: 'It closes the wake as failed.',
    },
    sql`select w.company_id, w.id, w.agent_id, format('the wake %s is %s, and its run %s', w.id, w.status, coalesce('is ' || r.status, 'does not exist')) as what
      from ${wakes} w left join ${runs} r on r.id = w.run_id
      where ${isOpen('w')} and not ${isDeferred('w')} and (r.id is null or ${hasEnded})`,
  ),
]
