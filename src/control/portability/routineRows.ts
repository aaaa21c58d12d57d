import { sql } from 'drizzle-orm'
import { routines, routineTriggers } from '../../model/routines.ts'
import type { RoutineVariable } from '../../model/routines.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import type { IssueSelection } from './rows.ts'

type Db = Pick<ReadDb, 'run'>

/** A trigger for a package: nothing by which it is called. */
interface TriggerPart {
  readonly kind: string
  readonly label: string | null
  readonly enabled: boolean
  readonly cronExpression: string | null
  readonly timezone: string | null
  readonly signingMode: string | null
  readonly replayWindowSec: number | null
}

/** A routine for a package. Its references are ids. */
export interface RoutineRow {
  readonly id: string
  readonly title: string
  readonly description: string | null
  readonly status: string
  readonly priority: string
  readonly concurrencyPolicy: string
  readonly catchUpPolicy: string
  readonly variables: readonly RoutineVariable[]
  readonly projectId: string | null
  readonly goalId: string | null
  readonly parentIssueId: string | null
  readonly assigneeAgentId: string | null
  readonly triggers: readonly TriggerPart[]
}

const isSelected = sql`r.company_id = ${param('companyId', 'uuid')} and r.status <> 'archived' and (${param('all', 'boolean')}
  or r.id::text = any(${param('names', 'text[]')}) or r.project_id = any(${param('projectIds', 'uuid[]')}))`

const routineSize = statement<IssueSelection, { count: number; bytes: number; triggers: number }>('package_routine_size').read(sql`
  select count(*)::int as count, coalesce(sum(octet_length(r.title) + coalesce(octet_length(r.description), 0) + octet_length(r.variables::text)), 0)::float8 as bytes,
    coalesce(sum((select count(*) from ${routineTriggers} t where t.routine_id = r.id)), 0)::int as triggers
  from ${routines} r where ${isSelected}`)

/** Number, text bytes and triggers of the selected routines, before any of them is read. */
export const measureRoutines = async (db: Db, selection: IssueSelection): Promise<{ count: number; bytes: number; triggers: number }> =>
  exactlyOne(await db.run(routineSize, selection))

// By their titles and texts: routines of one import have the same time.
const routineRows = statement<IssueSelection & { limit: number }, RoutineRow>('package_routines').read(sql`
  select r.id, r.title, r.description, r.status, r.priority, r.concurrency_policy as "concurrencyPolicy", r.catch_up_policy as "catchUpPolicy", r.variables,
    r.project_id as "projectId", r.goal_id as "goalId", r.parent_issue_id as "parentIssueId", r.assignee_agent_id as "assigneeAgentId",
    (select coalesce(json_agg(json_build_object('kind', t.kind, 'label', t.label, 'enabled', t.enabled, 'cronExpression', t.cron_expression, 'timezone', t.timezone,
      'signingMode', t.signing_mode, 'replayWindowSec', t.replay_window_sec) order by t.created_at, t.id), '[]'::json)
      from ${routineTriggers} t where t.routine_id = r.id) as triggers
  from ${routines} r where ${isSelected} order by r.title, r.description, r.created_at, r.id limit ${param('limit', 'int')}`)

/** The selected routines that are not archived, by their titles. */
export const listRoutines = (db: Db, selection: IssueSelection, limit: number): Promise<RoutineRow[]> =>
  db.run(routineRows, { ...selection, limit })
