import { sql } from 'drizzle-orm'
import { boolean, check, index, jsonb, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { healthStatuses, productStatuses, productTypes, reviewStates } from './workProductStatus.ts'
import { createdAt, primaryId, updatedAt } from '../platform/db/columns.ts'
import { companyId } from './companies.ts'
import { issueId } from './issues.ts'
import { projects } from './projects.ts'

const list = (values: readonly string[]): string => values.map((value) => `'${value}'`).join(', ')

/** Results of the work on an issue: a branch, a pull request, a page. This server opens none of them. */
export const workProducts = pgTable(
  'issue_work_products',
  {
    id: primaryId(),
    companyId: companyId(),
    projectId: uuid('project_id').references(() => projects.id, { onDelete: 'set null' }),
    issueId: issueId(),
    executionWorkspaceId: uuid('execution_workspace_id'),
    runtimeServiceId: uuid('runtime_service_id'),
    type: text('type', { enum: productTypes }).notNull(),
    provider: text('provider').notNull(),
    externalId: text('external_id'),
    title: text('title').notNull(),
    url: text('url'),
    status: text('status', { enum: productStatuses }).notNull().default('active'),
    reviewState: text('review_state', { enum: reviewStates }).notNull().default('none'),
    isPrimary: boolean('is_primary').notNull().default(false),
    healthStatus: text('health_status', { enum: healthStatuses }).notNull().default('unknown'),
    summary: text('summary'),
    metadata: jsonb('metadata').$type<Record<string, unknown>>(),
    // No foreign key: the product remains when the run is deleted by retention.
    createdByRunId: uuid('created_by_run_id'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    index('issue_work_products_issue').on(
      table.issueId,
      table.isPrimary.desc().nullsFirst(),
      table.createdAt.desc().nullsFirst(),
      table.id.desc().nullsFirst(),
    ),
    uniqueIndex('issue_work_products_primary')
      .on(table.issueId)
      .where(sql`is_primary`),
    index('issue_work_products_project')
      .on(table.projectId)
      .where(sql`project_id is not null`),
    check('issue_work_products_type_check', sql.raw(`type in (${list(productTypes)})`)),
    check('issue_work_products_status_check', sql.raw(`status in (${list(productStatuses)})`)),
    check('issue_work_products_review_check', sql.raw(`review_state in (${list(reviewStates)})`)),
    check('issue_work_products_health_check', sql.raw(`health_status in (${list(healthStatuses)})`)),
  ],
)
