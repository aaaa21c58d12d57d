import { sql } from 'drizzle-orm'
import { agents } from '../model/agents.ts'
import { approvals } from '../model/approvals.ts'
import { assetContents, assets } from '../model/assets.ts'
import { issueCounters } from '../model/companies.ts'
import { deletions } from '../model/deletions.ts'
import { issueCounts } from '../model/issueFigures.ts'
import { issues } from '../model/issues.ts'
import { dataKeys, secrets, secretVersions, vaultState } from '../model/secrets.ts'
import { sqlCheck } from './check.ts'
import type { SqlCheck } from './check.ts'

const BY_HAND = 'Nothing of this server makes such a row: find out what wrote it, and correct the row as the owner of the database.'

/** A deletion goes on at every tick of a server; an hour without one means that none is able to. */
const STUCK = sql.raw("interval '1 hour'")

/** The promises about rows that belong together. */
export const rowChecks: readonly SqlCheck[] = [
  sqlCheck(
    {
      id: 'issue.counter',
      meaning:
        'The counter of issues is behind the highest number of a company, so the next issue gets a number that is taken and is refused.',
      remedy: 'Let --fix raise the counter.',
      mends: 'It raises the counter to the highest number.',
    },
    sql`select i.company_id, i.company_id as id, null::uuid as agent_id, format('the counter of the company %s is at %s, and its highest issue is %s', i.company_id,
        coalesce(c.last_number, 0), i.highest) as what
      from (select company_id, max(issue_number) as highest from ${issues} group by company_id) i
      left join ${issueCounters} c on c.company_id = i.company_id where coalesce(c.last_number, 0) < i.highest`,
  ),
  sqlCheck(
    {
      id: 'issue.counts',
      meaning: 'The counted issues of a company differ from its issues, so the dashboard and the lists show wrong figures.',
      remedy: 'Run `select rebuild_issue_figures()` as the owner of the database while no server runs.',
    },
    sql`select s.company_id, s.company_id as id, null::uuid as agent_id, format('%s issues of the company %s are counted as %s, and %s are', s.counted, s.company_id, s.status, s.present) as what
      from (select coalesce(c.company_id, i.company_id) as company_id, coalesce(c.status, i.status) as status, coalesce(c.sum, 0) as counted,
          coalesce(i.sum, 0) as present
        from (select company_id, status, sum(issues) as sum from ${issueCounts} group by 1, 2) c
        full join (select company_id, status, count(*) as sum from ${issues} where hidden_at is null group by 1, 2) i
          on i.company_id = c.company_id and i.status = c.status) s where s.counted <> s.present`,
  ),
  sqlCheck(
    {
      id: 'issue.cycle',
      meaning: 'An issue stands below itself, so whatever reads the issues above it never comes to an end.',
      remedy: 'Move one of them: PATCH /api/issues/ISSUE with another parentId.',
    },
    sql`select company_id, id, null::uuid as agent_id, format('%s stands below itself', identifier) as what from (
      with recursive above as (
        select i.id, i.company_id, i.identifier, i.parent_id as next, 1 as depth from ${issues} i where i.parent_id is not null
        union all select a.id, a.company_id, a.identifier, i.parent_id, a.depth + 1 from above a join ${issues} i on i.id = a.next
          where a.next <> a.id and a.depth < 100)
      select distinct id, company_id, identifier from above where next = id) ring`,
  ),
  sqlCheck(
    {
      id: 'agent.cycle',
      meaning: 'An agent reports to itself, so it is its own manager and governs what it should not.',
      remedy: 'Let one of them report to another: PATCH /api/agents/AGENT with another reportsTo.',
    },
    sql`select company_id, id, id as agent_id, format('the agent %s reports to itself', url_key) as what from (
      with recursive above as (
        select a.id, a.company_id, a.url_key, a.reports_to as next, 1 as depth from ${agents} a where a.reports_to is not null
        union all select a.id, a.company_id, a.url_key, m.reports_to, a.depth + 1 from above a join ${agents} m on m.id = a.next
          where a.next <> a.id and a.depth < 100)
      select distinct id, company_id, url_key from above where next = id) ring`,
  ),
  sqlCheck(
    {
      id: 'approval.undated',
      meaning: 'An approval was decided without the time of the decision, or waits with one (I10).',
      remedy: BY_HAND,
    },
    sql`select company_id, id, requested_by_agent_id as agent_id, format('the approval %s is %s and has %s of a decision', id, status,
        case when decided_at is null then 'no time' else 'the time' end) as what
      from ${approvals} where (status in ('approved', 'rejected') and decided_at is null) or (status = 'pending' and decided_at is not null)`,
  ),
  sqlCheck(
    {
      id: 'file.content',
      meaning: 'The content of a file is missing or has another size than the file says, so its download fails.',
      remedy: 'Restore the file from a backup, or remove it where it is attached.',
    },
    sql`select a.company_id, a.id, null::uuid as agent_id, format('the file %s has %s bytes, and its content %s', a.id, a.byte_size,
        coalesce('has ' || octet_length(c.content), 'is missing')) as what
      from ${assets} a left join ${assetContents} c on c.asset_id = a.id where c.asset_id is null or octet_length(c.content) <> a.byte_size`,
  ),
  sqlCheck(
    {
      id: 'secret.no-version',
      meaning: 'A secret has no value of its newest version, so every run that needs it fails.',
      remedy: 'Give it a value again: POST /api/secrets/SECRET/rotate, or in the console.',
    },
    sql`select s.company_id, s.id, null::uuid as agent_id, format('the secret %s has no version %s', s.id, s.latest_version) as what
      from ${secrets} s left join ${secretVersions} v on v.secret_id = s.id and v.version = s.latest_version where v.secret_id is null`,
  ),
  sqlCheck(
    {
      id: 'secret.foreign-key',
      meaning: 'The value of a secret was sealed with a key of another company, or with one that is not there, so it does not open (I12).',
      remedy: 'Give the secret a value again: POST /api/secrets/SECRET/rotate, or in the console.',
    },
    sql`select v.company_id, v.secret_id as id, null::uuid as agent_id, format('version %s of the secret %s is sealed with the key %s', v.version, v.secret_id, v.key_id) as what
      from ${secretVersions} v left join ${dataKeys} k on k.id = v.key_id where v.key_id is not null and (k.id is null or k.company_id <> v.company_id)`,
  ),
  sqlCheck(
    {
      id: 'secret.old-master-key',
      meaning:
        'The key of a company is wrapped with another master key than the present one, so its secrets open only as long as that key is kept.',
      remedy: 'Rotate the master key while the old one is still in the file: paperclip-server secrets rotate-master-key.',
    },
    sql`select k.company_id, k.id, null::uuid as agent_id, format('the key of the company %s is wrapped with %s, and the present master key is %s', k.company_id,
        k.master_key_id, coalesce(v.master_key_id, 'unknown')) as what
      from ${dataKeys} k left join ${vaultState} v on v.id = 1 where k.master_key_id is distinct from v.master_key_id`,
  ),
  sqlCheck(
    {
      id: 'secret.unknown',
      meaning: 'The configuration of an agent names a secret that its company does not have, so its runs fail.',
      remedy: 'Create the secret again and refer to it, or take the reference out of the configuration of the agent.',
    },
    sql`select a.company_id, a.id, a.id as agent_id, format('the agent %s refers to the secret %s', a.url_key, found.id #>> '{}') as what
      from ${agents} a cross join lateral jsonb_path_query(a.adapter_config, '$.** ? (@.type == "secret_ref").secretId') found (id)
      where a.status <> 'terminated' and not exists (select from ${secrets} s where s.company_id = a.company_id and s.id::text = lower(found.id #>> '{}'))`,
  ),
  sqlCheck(
    {
      id: 'deletion.stuck',
      level: 'warning',
      meaning: 'A deletion that was begun has not gone on for an hour, so rows that should be gone are still there.',
      remedy: 'Start a server, which goes on with it. If one runs, its log says why the deletion fails.',
    },
    sql`select null::uuid as company_id, id, null::uuid as agent_id, format('the deletion of the %s %s was last worked at %s', kind, id, touched_at) as what
      from ${deletions} where touched_at < clock_timestamp() - ${STUCK}`,
  ),
]
