import { sql } from 'drizzle-orm'
import { attachments } from '../../model/assets.ts'
import { documentRevisions, documents } from '../../model/documents.ts'
import { comments } from '../../model/issues.ts'
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
}

const ofIssues = sql`issue_id = any(${param('issueIds', 'uuid[]')})`

const partSizes = statement<{ issueIds: string[] }, PartSizes>('package_part_sizes').read(sql`
  select (select count(*)::int from ${documents} where ${ofIssues}) as documents,
    (select coalesce(sum(octet_length(body)), 0)::float8 from ${documents} where ${ofIssues}) as "documentBytes",
    (select count(*)::int from ${documentRevisions} where ${ofIssues}) as revisions,
    (select count(*)::int from ${workProducts} where ${ofIssues}) as "workProducts",
    (select count(*)::int from ${comments} where ${ofIssues}) as comments,
    (select count(*)::int from ${attachments} where ${ofIssues}) as attachments`)

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
export function partWarnings({ comments: commentCount, attachments: attachmentCount, revisions, documents: latest }: PartSizes): string[] {
  const counts: readonly (readonly [number, string])[] = [
    [commentCount, 'comment(s) of the issues are not exported'],
    [attachmentCount, 'attachment(s) of the issues are not exported'],
    [revisions - latest, 'earlier revision(s) of documents are not exported'],
  ]
  return counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`)
}
