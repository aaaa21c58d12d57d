import { sql } from 'drizzle-orm'
import { attachments } from '../../model/assets.ts'
import { documentRevisions, documents, interactions } from '../../model/documents.ts'
import { votes } from '../../model/feedback.ts'
import { comments, issues } from '../../model/issues.ts'
import { goals } from '../../model/projects.ts'
import { workProducts } from '../../model/workProducts.ts'
import { columnsOf, param, statement } from '../../platform/db/statement.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import type { GoalRow } from '../../org/goals/index.ts'

type Db = Pick<ReadDb, 'run'>

/** The numbers of parts that the selected issues have besides their own fields, before any of them is read. */
export interface PartSizes {
  readonly documents: number
  readonly documentBytes: number
  readonly revisions: number
  readonly workProducts: number
  readonly comments: number
  readonly attachments: number
  readonly questions: number
  readonly votes: number
  /** Issues that a person has. */
  readonly ofPeople: number
  /** Issues with an adapter or a workspace of their own. */
  readonly overridden: number
}

const ofIssues = sql`issue_id = any(${param('issueIds', 'uuid[]')})`
const areIssues = sql`id = any(${param('issueIds', 'uuid[]')})`

const partSizes = statement<{ issueIds: string[] }, PartSizes>('package_part_sizes').read(sql`
  select (select count(*)::int from ${documents} where ${ofIssues}) as documents,
    (select coalesce(sum(octet_length(body)), 0)::float8 from ${documents} where ${ofIssues}) as "documentBytes",
    (select count(*)::int from ${documentRevisions} where ${ofIssues}) as revisions,
    (select count(*)::int from ${workProducts} where ${ofIssues}) as "workProducts",
    (select count(*)::int from ${comments} where ${ofIssues}) as comments,
    (select count(*)::int from ${attachments} where ${ofIssues}) as attachments,
    (select count(*)::int from ${interactions} where ${ofIssues}) as questions,
    (select count(*)::int from ${votes} where ${ofIssues}) as votes,
    (select count(assignee_user_id)::int from ${issues} where ${areIssues}) as "ofPeople",
    (select count(coalesce(assignee_adapter_overrides, execution_workspace_settings, to_jsonb(execution_workspace_preference)))::int
      from ${issues} where ${areIssues}) as overridden`)

/** Measures the parts of issues. */
export const measureParts = async (db: Db, issueIds: string[]): Promise<PartSizes> => exactlyOne(await db.run(partSizes, { issueIds }))

/** A document for a package. */
export interface DocumentPart {
  readonly issueId: string
  readonly key: string
  readonly title: string | null
  readonly body: string
}

const documentParts = statement<{ issueIds: string[] }, DocumentPart>('package_documents').read(sql`
  select issue_id as "issueId", key, title, body from ${documents} where ${ofIssues} order by issue_id, key`)

/** The documents of issues by their keys. */
export const listDocuments = (db: Db, issueIds: string[]): Promise<DocumentPart[]> => db.run(documentParts, { issueIds })

/** A work product for a package: without ids, which mean nothing elsewhere. */
export interface WorkProductPart {
  readonly issueId: string
  readonly title: string
  readonly summary: string | null
  readonly url: string | null
  readonly metadata: Record<string, unknown> | null
  readonly [field: string]: unknown
}

const workProductParts = statement<{ issueIds: string[] }, WorkProductPart>('package_work_products').read(sql`
  select issue_id as "issueId", type, provider, external_id as "externalId", title, url, status, review_state as "reviewState",
    is_primary as "isPrimary", health_status as "healthStatus", summary, metadata
  from ${workProducts} where ${ofIssues} order by issue_id, title, type, provider, url, id`)

/** The work products of issues by their titles. */
export const listWorkProducts = (db: Db, issueIds: string[]): Promise<WorkProductPart[]> => db.run(workProductParts, { issueIds })

const goalRows = statement<{ companyId: string; limit: number }, GoalRow>('package_goals').read(sql`
  select ${columnsOf(goals)} from ${goals} where company_id = ${param('companyId')} order by title, id limit ${param('limit', 'int')}`)

/** The goals of a company by their titles. */
export const listGoals = (db: Db, companyId: string, limit: number): Promise<GoalRow[]> => db.run(goalRows, { companyId, limit })

/** Warnings about what a package does not contain of its issues, with the numbers. */
export function partWarnings(sizes: PartSizes): string[] {
  const counts: readonly (readonly [number, string])[] = [
    [sizes.comments, 'comment(s) of the issues are not exported'],
    [sizes.attachments, 'attachment(s) of the issues are not exported'],
    [sizes.revisions - sizes.documents, 'earlier revision(s) of documents are not exported'],
    [sizes.questions, 'question(s) of the issues are not exported'],
    [sizes.votes, 'vote(s) on comments and documents are not exported'],
    [sizes.ofPeople, 'issue(s) are assigned to people, who are not exported'],
    [sizes.overridden, 'issue(s) have an adapter or a workspace of their own, which is not exported'],
  ]
  return counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`)
}
