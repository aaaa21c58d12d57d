import { randomUUID } from 'node:crypto'
import { eq, inArray } from 'drizzle-orm'
import { companySkillFiles, companySkills } from '../../model/skills.ts'
import { companyOf } from '../../platform/db/context.ts'
import { nextUpdatedAt } from '../../platform/db/columns.ts'
import { insertRows } from '../../platform/db/insertRows.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { authorOf } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { listSkillHeads } from './queries.ts'
import { MAX_SKILLS } from './rules.ts'
import type { SkillDraft } from './rules.ts'

/** A draft with the folder that it was read from; null for texts of a request. */
export interface SourcedDraft {
  readonly draft: SkillDraft
  readonly folder: string | null
}

export interface StoredSkill {
  readonly skillId: string
  readonly slug: string
  readonly contentHash: string
  readonly action: 'created' | 'updated' | 'unchanged'
}

const insertSkills = insertRows('skill_insert', companySkills, [
  'id',
  'companyId',
  'slug',
  'name',
  'description',
  'sourceType',
  'sourceLocator',
  'contentHash',
  'fileCount',
  'byteSize',
  'createdByAgentId',
  'createdByUserId',
])
const insertFiles = insertRows('skill_file_insert', companySkillFiles, ['skillId', 'companyId', 'path', 'content'])

const columnsOfDraft = ({ draft, folder }: SourcedDraft) => ({
  name: draft.name,
  description: draft.description,
  sourceType: folder === null ? ('inline' as const) : ('folder' as const),
  sourceLocator: folder,
  contentHash: draft.contentHash,
  fileCount: Object.keys(draft.files).length,
  byteSize: draft.byteSize,
})

/**
 * (tx) Stores skills under their names: new ones, and in the place of those that are there. Expects the company's row lock.
 * @param approvedBases for what a person approved: the hash of each skill as it was shown, null for a new one
 * @throws Refusal `unprocessable` beyond the number of skills; `document_stale` when a skill is not the one that was shown
 */
export async function storeSkills(
  tx: Tx,
  ctx: Ctx,
  sourced: readonly SourcedDraft[],
  approvedBases: Readonly<Record<string, string | null>> | null = null,
): Promise<StoredSkill[]> {
  const companyId = companyOf(ctx)
  const author = authorOf(ctx.actor)
  const present = new Map((await listSkillHeads(tx, companyId)).map((head) => [head.slug, head]))
  const stored: StoredSkill[] = []
  const written: { id: string; draft: SkillDraft }[] = []
  const created: Parameters<typeof insertSkills>[1][number][] = []
  for (const each of sourced) {
    const { slug, contentHash } = each.draft
    const before = present.get(slug)
    if (approvedBases !== null && (approvedBases[slug] ?? null) !== (before?.contentHash ?? null))
      refuse('document_stale', { message: `The skill ${slug} has changed since this was asked for` })
    const columns = columnsOfDraft(each)
    const isSame = before?.contentHash === contentHash && before.sourceLocator === each.folder
    const id = before?.id ?? randomUUID()
    stored.push({ skillId: id, slug, contentHash, action: before === undefined ? 'created' : isSame ? 'unchanged' : 'updated' })
    if (isSame) continue
    written.push({ id, draft: each.draft })
    if (before === undefined)
      created.push({ ...columns, id, companyId, slug, createdByAgentId: author.agentId, createdByUserId: author.userId })
    else
      await tx
        .update(companySkills)
        .set({ ...columns, updatedAt: nextUpdatedAt })
        .where(eq(companySkills.id, id))
  }
  if (present.size + created.length > MAX_SKILLS) refuse('unprocessable', { message: `A company has at most ${MAX_SKILLS} skills` })
  if (written.length === 0) return stored
  await tx.delete(companySkillFiles).where(
    inArray(
      companySkillFiles.skillId,
      written.map(({ id }) => id),
    ),
  )
  await insertSkills(tx, created)
  await insertFiles(
    tx,
    written.flatMap(({ id, draft }) => Object.entries(draft.files).map(([path, content]) => ({ skillId: id, companyId, path, content }))),
  )
  return stored
}

/** The part of what was stored that changed a row. */
export const changesIn = (stored: readonly StoredSkill[]): StoredSkill[] => stored.filter(({ action }) => action !== 'unchanged')
