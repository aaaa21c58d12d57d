import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { z } from 'zod'
import { documents } from '../../model/documents.ts'
import { issues } from '../../model/issues.ts'
import { goals, projects } from '../../model/projects.ts'
import { workProducts } from '../../model/workProducts.ts'
import { withinBytes } from '../../platform/db/keyset.ts'
import { dynamicRead, jsonPairsOf, param } from '../../platform/db/statement.ts'
import type { Statement } from '../../platform/db/statement.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import { blockedByJson, blocksJson, issueColumns, labelsJson, withLabelIds } from '../../engine/holds/index.ts'
import type { IssueWithRelations } from '../../engine/holds/index.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { presentProject, projectRowJson } from '../../org/projects/index.ts'
import type { ProjectRow } from '../../org/projects/index.ts'
import { ancestors, effectiveGoalId } from './queries.ts'
import type { issueDetail as issueDetailView } from './views.ts'

// The page of an issue. Postgres sets up every subquery of a statement each time that it runs, also those that find nothing: for an issue
// without labels, parent, documents and so on that is four fifths of the read (decision 0048). So a group of parts is read where the issue had
// one of them the last time, and otherwise the statement requires that it still has none.

/**
 * Bytes of each list inside of an issue's page: ancestors from the parent on, and work products from the primary one on. A
 * list ends before an element that begins beyond them. Work products have a list of their own, and so have ancestors.
 */
const EMBEDDED_BYTES = 500_000

/** The elements of a list inside of a row, as an array of JSON. @param select rows with `element` and `place` */
const embeddedJson = (select: SQL): SQL => sql`(select coalesce(json_agg(fitting.element order by fitting.place), '[]'::json)
  from (${withinBytes({ select, orderBy: sql`place`, size: sql`octet_length(rows.element::text)`, maxBytes: EMBEDDED_BYTES })}) fitting)`

const ancestorsJson = embeddedJson(sql`${ancestors} select u.height as place, json_build_object(
    'id', u.id, 'identifier', u.identifier, 'title', u.title, 'description', u.description, 'status', u.status,
    'priority', u.priority, 'assigneeAgentId', u.assignee_agent_id, 'projectId', u.project_id, 'goalId', u.goal_id,
    'project', (select json_build_object('id', p.id, 'name', p.name, 'description', p.description, 'status', p.status,
      'goalId', p.goal_id, 'workspaces', '[]'::json, 'primaryWorkspace', null) from ${projects} p where p.id = u.project_id),
    'goal', (select json_build_object('id', g.id, 'title', g.title, 'description', g.description, 'level', g.level,
      'status', g.status) from ${goals} g where g.id = u.goal_id)) as element
  from up u`)

/** The key of the document that clients show as the issue's plan. */
const PLAN_KEY = 'plan'

/** Documents of the row `issues`; the plan with its text, the others without. */
const documentsJson = sql`(select coalesce(json_agg(json_build_object(${jsonPairsOf(documents, ['body'])},
    'body', case when ${documents.key} = ${sql.raw(`'${PLAN_KEY}'`)} then ${documents.body} end) order by ${documents.key}), '[]'::json)
  from ${documents} where ${documents.issueId} = "issues"."id")`

/** Work products of the row `issues`, the primary one first, then the newest. */
const workProductsJson = embeddedJson(sql`select json_build_object(${jsonPairsOf(workProducts)}) as element,
    row_number() over (order by ${workProducts.isPrimary} desc, ${workProducts.createdAt} desc, ${workProducts.id} desc) as place
  from ${workProducts} where ${workProducts.issueId} = "issues"."id"`)

interface DetailRow extends Omit<IssueWithRelations, 'labelIds'> {
  ancestors: z.input<typeof issueDetailView>['ancestors']
  project: ProjectRow | null
  goal: { id: string; title: string; status: string; level: string } | null
  /** Under the name of the field that replaces it: a copy of a row of fifty fields without one costs 16 µs. */
  documentSummaries: { key: string; body: string }[]
  workProducts: Record<string, unknown>[]
}

/** Parts of a page that are read together or left out together. */
interface PartGroup {
  readonly shown: SQL
  readonly empty: SQL
  /** Holds for an issue that has none of the parts. */
  readonly isAbsent: SQL
  readonly isIn: (row: DetailRow) => boolean
}

const partGroups: readonly PartGroup[] = [
  {
    shown: sql`${labelsJson} as labels, ${blockedByJson} as "blockedBy", ${blocksJson} as "blocks"`,
    empty: sql`'[]'::json as labels, '[]'::json as "blockedBy", '[]'::json as "blocks"`,
    isAbsent: sql`not exists (select from issue_labels il where il.issue_id = "issues"."id")
      and not exists (select from issue_blockers b where b.blocked_issue_id = "issues"."id")
      and not exists (select from issue_blockers b where b.blocker_issue_id = "issues"."id")`,
    isIn: (row) => row.labels.length > 0 || row.blockedBy.length > 0 || row.blocks.length > 0,
  },
  {
    shown: sql`case when "issues"."parent_id" is null then '[]'::json else ${ancestorsJson} end as ancestors,
      (select ${projectRowJson} from ${projects} where ${projects.id} = "issues"."project_id") as project,
      (select json_build_object(${jsonPairsOf(goals)}) from ${goals} where ${goals.id} = ${effectiveGoalId}) as goal`,
    empty: sql`'[]'::json as ancestors, null::json as project, null::json as goal`,
    // An issue without a project has the first goal of the company.
    isAbsent: sql`"issues"."parent_id" is null and "issues"."project_id" is null and "issues"."goal_id" is null
      and not exists (select from ${goals} g where g.company_id = "issues"."company_id" and g.level = 'company' and g.status <> 'cancelled')`,
    isIn: (row) => row.parentId !== null || row.projectId !== null || row.goal !== null,
  },
  {
    shown: sql`${documentsJson} as "documentSummaries"`,
    empty: sql`'[]'::json as "documentSummaries"`,
    isAbsent: sql`not exists (select from issue_documents d where d.issue_id = "issues"."id")`,
    isIn: (row) => row.documentSummaries.length > 0,
  },
  {
    shown: sql`${workProductsJson} as "workProducts"`,
    empty: sql`'[]'::json as "workProducts"`,
    isAbsent: sql`not exists (select from issue_work_products w where w.issue_id = "issues"."id")`,
    isIn: (row) => row.workProducts.length > 0,
  },
]

/** The groups of an issue, one bit for each. */
type Groups = number
const ALL: Groups = 2 ** partGroups.length - 1

const hasGroup = (groups: Groups, index: number): boolean => ((groups >> index) & 1) === 1
const groupsOf = (row: DetailRow): Groups => partGroups.reduce((groups, { isIn }, index) => groups | (isIn(row) ? 1 << index : 0), 0)

type DetailStatement = Statement<{ id: string; companyId: string }, DetailRow, 'read'>

const detailReads = dynamicRead<{ id: string; companyId: string }, DetailRow>('issue_detail')

/** Reads the page of an issue with some groups; finds no row when the issue has a part of another group. */
const detailStatement = (groups: Groups): DetailStatement =>
  detailReads(
    String(groups),
    () => sql`
  select ${issueColumns}, ${sql.join(
    partGroups.map(({ shown, empty }, index) => (hasGroup(groups, index) ? shown : empty)),
    sql`, `,
  )}
  from ${issues} where ${sql.join(
    [
      sql`"issues"."id" = ${param('id')} and "issues"."company_id" = ${param('companyId')}`,
      ...partGroups.filter((_, index) => !hasGroup(groups, index)).map(({ isAbsent }) => isAbsent),
    ],
    sql` and `,
  )}`,
  )

/** Issues whose groups are remembered: a megabyte at most. */
const MAX_REMEMBERED = 5000

/** The groups of the issues that were read last. They choose a statement, and the statement finds out whether they still hold. */
const rememberedGroups = new Map<string, Groups>()

function remember(id: string, groups: Groups): void {
  rememberedGroups.set(id, groups)
  if (rememberedGroups.size <= MAX_REMEMBERED) return
  for (const oldest of rememberedGroups.keys()) return void rememberedGroups.delete(oldest)
}

type Reader = Pick<ReadDb, 'run'>

async function readDetail(db: Reader, companyId: string, id: string): Promise<DetailRow> {
  const remembered = rememberedGroups.get(id) ?? ALL
  const [row] = await db.run(detailStatement(remembered), { id, companyId })
  if (row === undefined && remembered !== ALL) {
    rememberedGroups.delete(id)
    return await readDetail(db, companyId, id)
  }
  if (row === undefined) refuse('not_found', { message: 'Issue not found' })
  const groups = groupsOf(row)
  if (groups !== remembered) remember(id, groups)
  return row
}

/** One issue with everything that its page shows, as one statement saw it. @throws Refusal `not_found` */
export async function issueDetail(db: Reader, companyId: string, id: string, actor: Actor) {
  const issue = await readDetail(db, companyId, id)
  const documentRows = issue.documentSummaries
  return Object.assign(withLabelIds(issue), {
    goalId: issue.goal?.id ?? issue.goalId,
    project: issue.project === null ? null : presentProject(issue.project, actor),
    planDocument: documentRows.find((document) => document.key === PLAN_KEY) ?? null,
    documentSummaries: documentRows.map(({ body: _, ...summary }) => summary),
    legacyPlanDocument: null,
    mentionedProjects: [],
    currentExecutionWorkspace: null,
  })
}
