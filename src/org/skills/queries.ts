import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { z } from 'zod'
import { agents } from '../../model/agents.ts'
import { companySkillFiles, companySkills } from '../../model/skills.ts'
import { companyOf } from '../../platform/db/context.ts'
import { byCreation } from '../../platform/db/keyset.ts'
import type { KeysetParams, PageRequest } from '../../platform/db/keyset.ts'
import { columnsOf, dynamicRead, param, statement } from '../../platform/db/statement.ts'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { readFilePath } from '../../platform/kernel/filePath.ts'
import { mapPage } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import { fileKind, SKILL_FILE, trustLevel } from './rules.ts'
import type { skillDetailView, skillFileView, skillView } from './views.ts'

type Db = Pick<ReadDb, 'run'>
export type SkillView = z.input<typeof skillView>

/** A row with the paths of its files and the number of agents that have it. */
interface SkillRow {
  readonly id: string
  readonly companyId: string
  readonly slug: string
  readonly name: string
  readonly description: string | null
  readonly sourceType: SkillView['sourceType']
  readonly sourceLocator: string | null
  readonly contentHash: string
  readonly byteSize: number
  readonly createdByAgentId: string | null
  readonly createdByUserId: string | null
  readonly createdAt: SkillView['createdAt']
  readonly updatedAt: SkillView['updatedAt']
  readonly fileCount: number
  readonly paths: readonly string[]
  readonly attachedAgentCount: number
}

/** The agents of a company that are to have a skill. @param slug of the skill */
const hasSkill = (slug: SQL): SQL => sql`a.company_id = ${param('companyId', 'uuid')} and a.status <> 'terminated'
  and a.adapter_config -> 'desiredSkills' @> to_jsonb(${slug})`

const skillColumns = sql`${columnsOf(companySkills)},
  (select coalesce(json_agg(f.path order by f.path), '[]'::json) from ${companySkillFiles} f where f.skill_id = "company_skills"."id") as paths,
  (select count(*)::int from ${agents} a where ${hasSkill(sql`"company_skills"."slug"`)}) as "attachedAgentCount"`

/** A skill as clients see it. */
export function presentSkill(ctx: Ctx, { contentHash, fileCount: _, paths, ...row }: SkillRow): SkillView {
  return {
    ...row,
    key: row.slug,
    // Where folders lie on the host is for people.
    sourceLocator: ctx.actor.kind === 'agent' ? null : row.sourceLocator,
    sourceRef: contentHash,
    trustLevel: trustLevel(paths),
    compatibility: 'compatible',
    fileInventory: paths.map((path) => ({ path, kind: fileKind(path) })),
  }
}

const listOrder = byCreation('asc')
const listStatement = dynamicRead<KeysetParams & { companyId: string }, SkillRow>('skill_list')

/** The skills of a company, the oldest first. */
export async function listSkills(ctx: Ctx, request: PageRequest): Promise<Page<SkillView>> {
  const page = listOrder.page(request)
  const shown = await page.read(
    ctx.store.read,
    listStatement(
      String(page.hasCursor),
      () => sql`select ${skillColumns} from ${companySkills} where company_id = ${param('companyId', 'uuid')} ${page.andAfterCursor}
        order by ${listOrder.orderBy} limit ${param('limit', 'int')}`,
    ),
    { companyId: companyOf(ctx), ...page.params },
  )
  return await mapPage(shown, (row) => presentSkill(ctx, row))
}

const skillRow = statement<{ id: string; companyId: string }, SkillRow>('skill_by_id').read(sql`
  select ${skillColumns} from ${companySkills} where id = ${param('id', 'uuid')} and company_id = ${param('companyId', 'uuid')}`)

/** One skill of a company. @throws Refusal `not_found` for a missing or foreign one */
export async function skillById(db: Db, companyId: string, id: string): Promise<SkillRow> {
  const [row] = await db.run(skillRow, { id, companyId })
  return row ?? refuse('not_found', { message: 'Skill not found' })
}

const skillRows = statement<{ ids: string[]; companyId: string }, SkillRow>('skills_by_id').read(sql`
  select ${skillColumns} from ${companySkills} where id = any(${param('ids', 'uuid[]')}) and company_id = ${param('companyId', 'uuid')} order by slug`)

/** Some skills of a company, by their names. */
export const skillsById = (db: Db, companyId: string, ids: string[]): Promise<SkillRow[]> => db.run(skillRows, { ids, companyId })

const usedBy = statement<{ slug: string; companyId: string }, { id: string; name: string; adapterType: string }>('skill_used_by').read(sql`
  select a.id, a.name, a.adapter_type as "adapterType" from ${agents} a where ${hasSkill(param('slug', 'text'))} order by a.name, a.id limit 200`)

/** The agents that are to have a skill, at most 200. */
export const agentsWith = (db: Db, companyId: string, slug: string) => db.run(usedBy, { slug, companyId })

const fileOf = statement<{ id: string; companyId: string; path: string }, { content: string }>('skill_file').read(sql`
  select content from ${companySkillFiles}
  where skill_id = ${param('id', 'uuid')} and company_id = ${param('companyId', 'uuid')} and path = ${param('path', 'text')}`)

/** One file of a skill. @throws Refusal `not_found`; `unprocessable` for what is no path */
export async function skillFile(ctx: Ctx, id: string, given: string): Promise<z.input<typeof skillFileView>> {
  const companyId = companyOf(ctx)
  const { path, problem } = readFilePath(given)
  if (path === null) return refuse('unprocessable', { message: `That is no path of a file: ${problem}` })
  const [file] = await ctx.store.read.run(fileOf, { id, companyId, path })
  if (file === undefined) return refuse('not_found', { message: 'Skill or file not found' })
  const kind = fileKind(path)
  const size = Buffer.byteLength(file.content)
  return { skillId: id, path, kind, size, content: file.content, markdown: kind === 'skill' || kind === 'markdown' }
}

/** One skill with its text and its agents. @throws Refusal `not_found` */
export async function skillDetail(ctx: Ctx, id: string): Promise<z.input<typeof skillDetailView>> {
  const companyId = companyOf(ctx)
  const row = await skillById(ctx.store.read, companyId, id)
  const [[file], usedByAgents] = await Promise.all([
    ctx.store.read.run(fileOf, { id, companyId, path: SKILL_FILE }),
    agentsWith(ctx.store.read, companyId, row.slug),
  ])
  return { ...presentSkill(ctx, row), markdown: file?.content ?? '', usedByAgents }
}

/** The name, the description and the hash of a skill. */
export interface SkillHeadRow {
  readonly id: string
  readonly slug: string
  readonly name: string
  readonly description: string | null
  readonly contentHash: string
  readonly sourceType: SkillView['sourceType']
  readonly sourceLocator: string | null
}

const heads = statement<{ companyId: string }, SkillHeadRow>('skill_heads').read(sql`
  select id, slug, name, description, content_hash as "contentHash", source_type as "sourceType", source_locator as "sourceLocator"
  from ${companySkills} where company_id = ${param('companyId', 'uuid')} order by slug`)

/** The skills of a company without their files; their number is limited. */
export const listSkillHeads = (db: Db, companyId: string): Promise<SkillHeadRow[]> => db.run(heads, { companyId })

interface SkillFiles {
  readonly slug: string
  readonly files: readonly { readonly path: string; readonly content: string }[]
}

const filesOfSkills = statement<{ companyId: string; slugs: string[] }, SkillFiles>('skill_files').read(sql`
  select s.slug, (select json_agg(json_build_object('path', f.path, 'content', f.content) order by f.path) from ${companySkillFiles} f where f.skill_id = s.id) as files
  from ${companySkills} s where s.company_id = ${param('companyId', 'uuid')} and s.slug = any(${param('slugs', 'text[]')}) order by s.slug`)

/** The files of some skills of a company, by the names of the skills. */
export const filesOf = (db: Db, companyId: string, slugs: readonly string[]): Promise<SkillFiles[]> =>
  slugs.length === 0 ? Promise.resolve([]) : db.run(filesOfSkills, { companyId, slugs: [...slugs] })

const sizes = statement<{ companyId: string; slugs: string[] | null }, { files: number; bytes: number }>('skill_sizes').read(sql`
  select coalesce(sum(file_count), 0)::int as files, coalesce(sum(byte_size), 0)::float8 as bytes from ${companySkills}
  where company_id = ${param('companyId', 'uuid')} and (${param('slugs', 'text[]')} is null or slug = any(${param('slugs', 'text[]')}))`)

/** How many files some skills of a company have, and how long these are; null for all skills. */
export const measureSkills = async (
  db: Db,
  companyId: string,
  slugs: readonly string[] | null,
): Promise<{ files: number; bytes: number }> => exactlyOne(await db.run(sizes, { companyId, slugs: slugs === null ? null : [...slugs] }))
