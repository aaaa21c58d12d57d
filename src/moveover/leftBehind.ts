// The tables of the source that this command does not bring, with the reasons.

import type { SourceSchema } from './schema.ts'
import type { SourceConnection } from './source.ts'

/** A table whose rows stay in the source. */
export interface LeftBehind {
  readonly table: string
  /** Null when they could not be counted. */
  readonly rows: number | null
  readonly reason: string
}

const reasons: Readonly<Record<string, string>> = {
  assets: 'The bytes of files are in the storage of the old server, and its database has only their names: attach them again',
  issue_attachments: 'The bytes of files are in the storage of the old server, and its database has only their names: attach them again',
  company_logos: 'The bytes of files are in the storage of the old server: upload the logo again',
  user: 'People sign in here with an account of this server: invite them again',
  account: 'Passwords and sign-ins belong to the old server',
  session: 'Sessions belong to the old server',
  instance_user_roles: 'Make the administrators of this server here',
  instance_settings: 'Set the settings of this server here',
  board_api_keys: 'Command lines of people log in again',
  invites: 'Invitations belong to the old server: invite again',
  join_requests: 'Requests to join belong to the old server',
  company_secret_versions: 'The values are sealed with a key that the database does not have: enter them again',
  company_skills: 'Import the skills of the company again, from where they came',
  agent_config_revisions: 'The history of configurations stays in the old server; agents arrive with their present one',
  agent_wakeup_requests: 'A wake that waits in the old server wakes no agent here',
  agent_runtime_state: 'The sums are made anew from costs and runs',
  agent_task_sessions: 'A session of a tool belongs to the folders of the old server',
  heartbeat_run_events: 'The steps of runs stay in the old server; runs come with their result',
  routines: 'Make routines anew, so that nothing starts by itself on two servers',
  routine_triggers: 'Make routines anew; a webhook gets a new address and a new secret',
  routine_runs: 'They belong to routines',
  budget_policies: 'The monthly limits of companies and agents come with them; make other policies anew',
  budget_incidents: 'A limit that is crossed here makes its own incident',
  execution_workspaces: 'They are folders of the old server',
  workspace_operations: 'They are about folders of the old server',
  workspace_runtime_services: 'They are processes of the old server',
  finance_events: 'Enter money that no run spent again where it is needed',
  issue_work_products: 'Enter work products again where they are needed',
  issue_read_states: 'What a person has read belongs to the accounts of the old server',
  issue_inbox_archives: 'Inboxes belong to the accounts of the old server',
  inbox_dismissals: 'Inboxes belong to the accounts of the old server',
  feedback_votes: 'Votes belong to the accounts of the old server',
  feedback_exports: 'What was exported was exported by the old server',
  issue_thread_interactions: 'Questions that wait for an answer stay in the old server: answer them there before the move, or ask again',
  issue_relations: 'Set blockers again where they are needed',
  plugins: 'This server has no plugins',
}

/** Tables whose rows come, or that are only of use with rows that come. */
const carried: ReadonlySet<string> = new Set([
  'companies',
  'issue_documents',
  'issue_labels',
  'issue_approvals',
  'project_goals',
  'company_memberships',
  'principal_permission_grants',
])

const ELSE = 'This command does not know the table'
/** Tables that are listed. No release has as many. */
const MAX_LISTED = 500

/** The time for one count, and for all of them, in milliseconds: they are a remark of the report, which must not wait for them. */
const COUNT_MS = 10_000
const ALL_COUNTS_MS = 60_000
const NOT_COUNTED = 'Its rows could not be counted'

/** A view may do anything when it is read, so only tables are counted. */
const SELECT_TABLES = `select relname::text as name from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace`

const reasonOf = (name: string): string => (Object.hasOwn(reasons, name) ? (reasons[name] ?? ELSE) : ELSE)

/** The names of the tables; null when even those cannot be read. */
async function tablesOf(source: SourceConnection): Promise<ReadonlySet<string> | null> {
  const rows = await source.query<{ name: string }>(SELECT_TABLES).catch(() => null)
  return rows === null ? null : new Set(rows.map(({ name }) => name))
}

/** The rows of a table; null when they cannot be counted in time, or at all. */
async function countOf(source: SourceConnection, name: string, hasCompany: boolean, companyIds: readonly string[]): Promise<number | null> {
  const table = `"${name.replaceAll('"', '""')}"`
  const count = `select count(*)::float8 as rows from ${table} t ${hasCompany ? 'where t.company_id::text = any($1::text[])' : 'where $1::text[] is not null'}`
  try {
    const [row] = await source.queryAlone<{ rows: number }>(count, [companyIds], COUNT_MS)
    return row?.rows ?? 0
  } catch {
    return null
  }
}

/**
 * Counts what stays behind: tables with rows, of the companies that are moved where a table says whose its rows are. No table ends it: what has been
 * moved is reported whatever the counts are.
 */
export async function countLeftBehind(
  source: SourceConnection,
  { tables }: SourceSchema,
  brought: ReadonlySet<string>,
  companyIds: readonly string[],
): Promise<readonly LeftBehind[]> {
  const real = await tablesOf(source)
  if (real === null) return [{ table: '*', rows: null, reason: NOT_COUNTED }]
  const left: LeftBehind[] = []
  const deadline = performance.now() + ALL_COUNTS_MS
  for (const [name, { hasCompany }] of [...tables].toSorted(([a], [b]) => a.localeCompare(b))) {
    if (brought.has(name) || carried.has(name) || !real.has(name)) continue
    const rows = performance.now() > deadline ? null : await countOf(source, name, hasCompany, companyIds)
    const table = Object.hasOwn(reasons, name) ? name : plainName(name)
    if (rows === null) left.push({ table, rows: null, reason: `${NOT_COUNTED}. ${reasonOf(name)}` })
    else if (rows > 0) left.push({ table, rows, reason: reasonOf(name) })
    if (left.length >= MAX_LISTED) break
  }
  return left
}

/** The name of a table of the source as it may be shown: letters of a name, and not too many. */
const plainName = (name: string): string => name.replaceAll(/[^\w.-]/g, '?').slice(0, 63)
