import { sql } from 'drizzle-orm'
import { check, index, integer, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { createdAt, primaryId, updatedAt } from '../platform/db/columns.ts'
import { agents } from './agents.ts'
import { companyId } from './companies.ts'

/** The kinds of sources of a skill: texts of a request, or a folder that the operator allowed. */
export const skillSources = ['inline', 'folder'] as const

/** A skill of a company. Its files are rows; its name in folders and in the configurations of agents is `slug`. */
export const companySkills = pgTable(
  'company_skills',
  {
    id: primaryId(),
    companyId: companyId(),
    slug: text('slug').notNull(),
    name: text('name').notNull(),
    description: text('description'),
    sourceType: text('source_type', { enum: skillSources }).notNull(),
    /** The folder that it was read from; null for texts of a request. */
    sourceLocator: text('source_locator'),
    /** SHA-256 of its paths and texts. */
    contentHash: text('content_hash').notNull(),
    fileCount: integer('file_count').notNull(),
    byteSize: integer('byte_size').notNull(),
    createdByAgentId: uuid('created_by_agent_id'),
    createdByUserId: text('created_by_user_id'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    uniqueIndex('company_skills_key').on(table.companyId, table.slug),
    index('company_skills_company').on(table.companyId, table.createdAt, table.id),
    check(
      'company_skills_source_check',
      sql`source_type in ('inline', 'folder') and (source_type = 'folder') = (source_locator is not null)`,
    ),
  ],
)

/** A text file of a skill. Its path has the form of `platform/kernel/filePath.ts`. */
export const companySkillFiles = pgTable(
  'company_skill_files',
  {
    skillId: uuid('skill_id')
      .notNull()
      .references(() => companySkills.id, { onDelete: 'cascade' }),
    companyId: companyId(),
    path: text('path').notNull(),
    content: text('content').notNull(),
  },
  (table) => [primaryKey({ columns: [table.skillId, table.path] }), index('company_skill_files_company').on(table.companyId)],
)

/** The instructions of an agent as files of this server. Without a row the agent has none. */
export const instructionBundles = pgTable('instruction_bundles', {
  agentId: uuid('agent_id')
    .primaryKey()
    .references(() => agents.id, { onDelete: 'cascade' }),
  companyId: companyId(),
  /** The file that its runs read first. */
  entryFile: text('entry_file').notNull(),
  createdAt: createdAt(),
  updatedAt: updatedAt(),
})

export const instructionFiles = pgTable(
  'instruction_files',
  {
    agentId: uuid('agent_id')
      .notNull()
      .references(() => instructionBundles.agentId, { onDelete: 'cascade' }),
    companyId: companyId(),
    path: text('path').notNull(),
    content: text('content').notNull(),
    /** Another one with each write. A writer names the one that it has read. */
    revisionId: uuid('revision_id').notNull(),
    updatedByAgentId: uuid('updated_by_agent_id'),
    updatedByUserId: text('updated_by_user_id'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [primaryKey({ columns: [table.agentId, table.path] }), index('instruction_files_company').on(table.companyId)],
)
