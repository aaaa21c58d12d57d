import { sql } from 'drizzle-orm'
import { activityChain } from '../model/audit.ts'
import { servers } from '../model/runRecords.ts'
import { verifyChain } from '../observe/audit/index.ts'
import type { HeadFile, VerificationResult } from '../observe/audit/index.ts'
import { statement } from '../platform/db/statement.ts'
import { activityLog } from '../platform/db/tables.ts'
import type { ReadDb } from '../platform/db/types.ts'
import { NO_COMPANY } from '../platform/kernel/event.ts'
import { sqlCheck, MAX_SUBJECTS } from './check.ts'
import type { Check, Finding, SqlCheck, Subject } from './check.ts'

/** Triggers that keep what must not change, by the table that they stand on. */
const guards: readonly (readonly [string, string])[] = [
  ['activity_chain', 'activity_chain_append_only'],
  ['activity_chain', 'activity_chain_no_truncate'],
  ['activity_log', 'activity_log_append_only'],
  ['activity_log', 'activity_log_no_truncate'],
  ['audit_witnesses', 'audit_witnesses_line'],
  ['heartbeat_runs', 'heartbeat_runs_outcome'],
  ['issues', 'issues_lock_epoch'],
  ['issues', 'issues_version'],
]

const guardRows = sql.raw(guards.map(([table, trigger]) => `('${table}', '${trigger}')`).join(', '))

const noRow = sql.raw('null::uuid as company_id, null::uuid as id, null::uuid as agent_id')

/** The promises about the audit log, beside its chain. */
export const recordChecks: readonly SqlCheck[] = [
  sqlCheck(
    {
      id: 'audit.guard',
      meaning:
        'A trigger that keeps the audit log, the epochs of holds or the ends of runs from being changed is missing or switched off (I5, I7).',
      remedy:
        'Verify the chain first (paperclip-server activity verify), then enable the trigger as the owner: alter table TABLE enable trigger TRIGGER. For one that is missing, schema.missing has the statement.',
    },
    sql`select ${noRow}, format('the trigger %s of %s is %s', g.trigger, g.name, case when t.oid is null then 'missing' else 'switched off' end) as what
      from (values ${guardRows}) g (name, trigger)
      left join pg_trigger t on t.tgname = g.trigger and t.tgrelid = to_regclass('public.' || g.name)
      where t.oid is null or t.tgenabled not in ('O', 'A')`,
  ),
  sqlCheck(
    {
      id: 'audit.counter',
      meaning: 'The counter of events is behind the newest event, as after a restore: new rows are not seen by readers and not sealed.',
      remedy: 'Restart a server of this release: it raises the counter before it opens its port, and begins a new timeline.',
    },
    sql`select ${noRow}, format('the counter is at %s, and the newest event has %s', counter, newest) as what
      from event_ticket_lag() where newest > counter`,
  ),
  sqlCheck(
    {
      id: 'audit.unsealed',
      meaning: 'A server runs and has not sealed rows for minutes, so a change of them would not be found (I7).',
      remedy: 'Look into the log of the server for "seal": it names why the sealing fails.',
    },
    sql`select ${noRow}, format('%s rows are not sealed, the oldest of %s', count(*), min(l.created_at)) as what from ${activityLog} l
      where (l.txid, l.seq) > (select c.txid, c.seq from ${activityChain} c order by c.txid desc, c.seq desc limit 1)
        and l.created_at < clock_timestamp() - interval '2 minutes'
        and exists (select from ${servers} s where s.last_seen_at > clock_timestamp() - interval '30 seconds'
          and s.started_at < clock_timestamp() - interval '2 minutes')
      having count(*) > 0`,
  ),
  sqlCheck(
    {
      id: 'audit.rights',
      level: 'warning',
      meaning: 'The login of the server may change the audit log, so an intruder in the server could (I7).',
      remedy: 'Give the server a login of its own: set DATABASE_OWNER_URL, and DATABASE_URL to a login that owns nothing.',
    },
    sql`select ${noRow}, format('the login %s may %s of %s', current_user, lower(p.privilege), t.name) as what
      from (values ('activity_log'), ('activity_chain')) t (name), (values ('UPDATE'), ('DELETE'), ('TRUNCATE')) p (privilege)
      where has_table_privilege('public.' || t.name, p.privilege)`,
  ),
]

export const brokenChain: Check = {
  id: 'audit.chain',
  level: 'fault',
  meaning:
    'The chain over the audit rows is broken: a row was changed, removed, put in or reordered, or a recorded head contradicts it (I7).',
  remedy:
    'Keep a copy of the database and of the home, and compare it with a backup: paperclip-server activity verify names the first broken row.',
  mends: null,
}

export const damagedWitness: Check = {
  id: 'audit.witness',
  level: 'fault',
  meaning: 'The file with the heads of the chains outside the database is damaged, so a cut end of the audit log cannot be ruled out (I7).',
  remedy:
    'If a restore explains it, accept the record with a reason: POST /api/instance/audit/accept-witness. Otherwise treat it as an intrusion.',
  mends: null,
}

export const noWitness: Check = {
  id: 'audit.no-witness',
  level: 'warning',
  meaning: 'The home has no key of the audit heads, so the chains were verified by themselves, and a cut end would not be found.',
  remedy: 'Run the doctor with --home of a server that works on this database.',
  mends: null,
}

// Skips from one company to the next in the index, whatever number of rows each has.
const chainedCompanies = statement<object, { companyId: string }>('doctor_chains').read(sql`
  with recursive chained as (
    (select company_id from ${activityChain} order by company_id limit 1)
    union all
    select (select c.company_id from ${activityChain} c where c.company_id > chained.company_id order by c.company_id limit 1)
    from chained where chained.company_id is not null)
  select company_id as "companyId" from chained where company_id is not null`)

/** The words for a broken chain. */
const breakOf = ({ companyId, firstBroken }: VerificationResult): Subject[] =>
  firstBroken === null
    ? []
    : [
        {
          companyId: companyId === NO_COMPANY ? null : companyId,
          id: firstBroken.id,
          what: `the chain of ${companyId === NO_COMPANY ? 'the instance' : `the company ${companyId}`} is broken at position ${firstBroken.position}: ${firstBroken.kind}`,
        },
      ]

const findingWith = (check: Check, subjects: readonly Subject[]): Finding[] =>
  subjects.length === 0 ? [] : [{ ...check, count: subjects.length, subjects: subjects.slice(0, MAX_SUBJECTS) }]

/**
 * Recomputes every chain. It reads the whole log, page by page.
 * @param heads the heads outside the database; null where the home has none
 */
export async function verifyChains(db: Pick<ReadDb, 'run'>, heads: HeadFile | null): Promise<Finding[]> {
  const broken: Subject[] = []
  let problem: string | null = null
  const chained = await db.run(chainedCompanies, {})
  for (const { companyId } of chained) {
    const result = await verifyChain(db, companyId, heads)
    broken.push(...breakOf(result))
    problem ??= result.witness.problem
  }
  const witness: Subject[] =
    problem === null ? [] : [{ companyId: null, id: null, what: `the file of audit heads: ${problem.replaceAll('_', ' ')}` }]
  const missing: Subject[] =
    heads === null && chained.length > 0 ? [{ companyId: null, id: null, what: 'the home has no file audit-key.pem' }] : []
  return [...findingWith(brokenChain, broken), ...findingWith(damagedWitness, witness), ...findingWith(noWitness, missing)]
}
