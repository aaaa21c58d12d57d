import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { z } from 'zod'
import { agentById, redactAgentFor } from '../../org/agents/index.ts'
import { issues } from '../../model/issues.ts'
import { projects } from '../../model/projects.ts'
import { routineRuns, routines, routineTriggers } from '../../model/routines.ts'
import { companyOf } from '../../platform/db/context.ts'
import { byCreation } from '../../platform/db/keyset.ts'
import type { KeysetParams, PageRequest } from '../../platform/db/keyset.ts'
import { columnsOf, dynamicRead, isoJson, jsonPairsOf, param, statement } from '../../platform/db/statement.ts'
import type { Ctx, ReadDb, Tx } from '../../platform/db/types.ts'
import { cronProblem, isSchedule, nextTimes } from '../../platform/cron/index.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import type { Page } from '../../platform/kernel/page.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import { SHOWN_TIMES } from './limits.ts'
import { refuseMissing } from './lock.ts'
import type { RoutineRow, ShownTrigger, TriggerRow } from './lock.ts'
import type { listedRunView, routineDetailView, routineItemView, routineRunView, shownTriggerView } from './views.ts'

export type RoutineRun = z.output<typeof routineRunView>
type RoutineItem = z.output<typeof routineItemView>
type ListedRun = z.output<typeof listedRunView>
type RoutineDetail = z.output<typeof routineDetailView>
export type TriggerWithTimes = z.output<typeof shownTriggerView>

type Db = Pick<ReadDb | Tx, 'run'>

const hiddenOfTriggers = ['setByAgent', 'lastDueAt', 'secretVersion', 'keyId', 'sealed']
const hiddenOfRuns = ['issueClosed', 'replayKey']

/** The columns of a run that are shown. */
export const runColumns = columnsOf(routineRuns, hiddenOfRuns)

// The tables in these lists have no alias: their columns are named with the table.
const triggersJson = sql`coalesce((select json_agg(json_build_object(${jsonPairsOf(routineTriggers, hiddenOfTriggers)}, 'secretId', null)
  order by ${routineTriggers.createdAt}, ${routineTriggers.id}) from ${routineTriggers} where ${routineTriggers.routineId} = ${routines.id}), '[]'::json)`

const lastRunJson = sql`(select json_build_object(${jsonPairsOf(routineRuns, hiddenOfRuns)}) from ${routineRuns}
  where ${routineRuns.routineId} = ${routines.id} order by ${routineRuns.createdAt} desc nulls first, ${routineRuns.id} desc nulls first limit 1)`

const issueJson = (alias: string): SQL => {
  const i = sql.raw(alias)
  return sql`json_build_object('id', ${i}.id, 'identifier', ${i}.identifier, 'title', ${i}.title, 'status', ${i}.status, 'priority', ${i}.priority,
    'updatedAt', ${isoJson(sql`${i}.updated_at`)})`
}

/** The open issue of the latest run whose issue is open: `select … from <this>`, for a routine by its id. */
export const activeIssueOf = (routineId: SQL): SQL => sql`${routineRuns} ar join ${issues} ai on ai.id = ar.linked_issue_id
  where ar.routine_id = ${routineId} and ar.status = 'issue_created' and ai.status not in ('done', 'cancelled') and ai.hidden_at is null
  order by ar.created_at desc, ar.id desc limit 1`

const activeIssueJson = sql`(select ${issueJson('ai')} from ${activeIssueOf(sql`${routines.id}`)})`

const itemColumns = sql`${columnsOf(routines)}, ${triggersJson} as triggers, ${lastRunJson} as "lastRun", ${activeIssueJson} as "activeIssue"`

const listOrder = byCreation('asc')
const listStatement = dynamicRead<KeysetParams & { companyId: string }, RoutineItem>('routine_list')

/** The routines of a company, the oldest first, each with its triggers, its last run and its open issue. */
export async function listRoutines(ctx: Ctx, request: PageRequest): Promise<Page<RoutineItem>> {
  const page = listOrder.page(request)
  return await page.read(
    ctx.store.read,
    listStatement(
      String(page.hasCursor),
      () => sql`select ${itemColumns} from ${routines} where company_id = ${param('companyId', 'uuid')} ${page.andAfterCursor}
        order by ${listOrder.orderBy} limit ${param('limit', 'int')}`,
    ),
    { companyId: companyOf(ctx), ...page.params },
  )
}

interface Ids {
  readonly companyId: string
  readonly id: string
}

const selectRoutine = statement<Ids, RoutineRow>('routine_by_id').read(
  sql`select ${columnsOf(routines)} from ${routines} where id = ${param('id', 'uuid')} and company_id = ${param('companyId', 'uuid')}`,
)

/** One routine of a company. @throws Refusal `not_found` */
export async function routineById(db: Db, companyId: string, id: string): Promise<RoutineRow> {
  const [routine] = await db.run(selectRoutine, { companyId, id })
  return routine ?? refuseMissing('Routine')
}

type DetailRow = RoutineItem & Pick<RoutineDetail, 'project' | 'parentIssue'>

const selectDetail = statement<Ids, DetailRow>('routine_detail').read(sql`
  select ${itemColumns},
    (select json_build_object('id', p.id, 'name', p.name, 'description', p.description, 'status', p.status, 'goalId', p.goal_id)
      from ${projects} p where p.id = ${routines.projectId}) as project,
    (select ${issueJson('pi')} from ${issues} pi where pi.id = ${routines.parentIssueId} and pi.company_id = ${routines.companyId}) as "parentIssue"
  from ${routines} where ${routines.id} = ${param('id', 'uuid')} and ${routines.companyId} = ${param('companyId', 'uuid')}`)

const linkedIssue = sql`(select ${issueJson('li')} from ${issues} li where li.id = ${routineRuns.linkedIssueId} and li.company_id = ${routineRuns.companyId})`
const runTrigger = sql`(select json_build_object('id', rt.id, 'kind', rt.kind, 'label', rt.label) from ${routineTriggers} rt where rt.id = ${routineRuns.triggerId})`

const runOrder = byCreation('desc')
const runList = dynamicRead<KeysetParams & Ids, ListedRun>('routine_runs')

/** The runs of a routine, the newest first. Each may have a payload, so a page of them ends by its bytes, too. @throws Refusal `not_found` */
export async function runsOfRoutine(ctx: Ctx, id: string, request: PageRequest): Promise<Page<ListedRun>> {
  const companyId = companyOf(ctx)
  const { read } = ctx.store
  await routineById(read, companyId, id)
  const page = runOrder.page(request)
  const list = runList(
    String(page.hasCursor),
    () => sql`select ${runColumns}, ${linkedIssue} as "linkedIssue", ${runTrigger} as trigger from ${routineRuns}
      where routine_id = ${param('id', 'uuid')} and company_id = ${param('companyId', 'uuid')} ${page.andAfterCursor}
      order by ${runOrder.orderBy} limit ${param('limit', 'int')}`,
  )
  return await page.read(read, list, { companyId, id, ...page.params })
}

const selectNow = statement<object, { now: Instant }>('routine_now').read(sql`select now() as now`)

/** The time of the database. */
export const databaseNow = async (db: Db): Promise<Instant> => exactlyOne(await db.run(selectNow, {})).now

/** A trigger as it is shown, with the next times of its schedule from the one that it waits for; none while it waits for none, or in a zone that is not known here. */
function withTimes(trigger: ShownTrigger): TriggerWithTimes {
  const { cronExpression, timezone, nextRunAt } = trigger
  if (cronExpression === null || timezone === null || nextRunAt === null || !isSchedule(cronExpression, timezone))
    return { ...trigger, nextRunTimes: [] }
  return { ...trigger, nextRunTimes: [nextRunAt, ...nextTimes(cronExpression, timezone, nextRunAt, SHOWN_TIMES - 1)] }
}

/** A trigger without what is not shown of it. */
export function shown(trigger: TriggerRow): TriggerWithTimes {
  const { setByAgent: _set, lastDueAt: _, secretVersion: _version, keyId: _key, sealed: _sealed, ...rest } = trigger
  return withTimes({ ...rest, secretId: null })
}

/** The runs that a routine shows with itself. */
const RECENT_RUNS = 25

/** One routine with all that belongs to it. @throws Refusal `not_found` */
export async function routineDetail(ctx: Ctx, id: string) {
  const companyId = companyOf(ctx)
  const { read } = ctx.store
  const [found] = await read.run(selectDetail, { companyId, id })
  const { lastRun: _, triggers, ...routine } = found ?? refuseMissing('Routine')
  const [{ items: recentRuns }, assignee] = await Promise.all([
    runsOfRoutine(ctx, id, { limit: RECENT_RUNS }),
    routine.assigneeAgentId === null ? null : agentById(read, companyId, routine.assigneeAgentId),
  ])
  return {
    ...routine,
    triggers: triggers.map(withTimes),
    recentRuns,
    assignee: assignee === null ? null : redactAgentFor(ctx.actor, assignee),
  }
}

/** The next times of a schedule that is not saved yet. @throws Refusal `unprocessable` for what is no schedule */
export async function previewSchedule(ctx: Ctx, expression: string, zone: string): Promise<{ nextRunTimes: Instant[] }> {
  const now = await databaseNow(ctx.store.read)
  requireSchedule(expression, zone, now)
  return { nextRunTimes: nextTimes(expression, zone, now, SHOWN_TIMES) }
}

/** @throws Refusal `unprocessable` for a text that is no expression, a zone that does not exist, and a schedule that never comes */
export function requireSchedule(expression: string, zone: string, now: Instant): void {
  const problem = cronProblem(expression, zone, now)
  if (problem !== null) refuse('unprocessable', { message: problem, details: { cronExpression: expression, timezone: zone } })
}
