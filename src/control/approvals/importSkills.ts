import { importSkills, listSkillHeads, readImport, readUploadedImport } from '../../org/skills/index.ts'
import type { ImportedSkills, ReadImport } from '../../org/skills/index.ts'
import { lockUnarchivedCompany } from '../../org/companies/index.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changedIfAny, mutate } from '../../platform/db/mutate.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { proposeTexts } from './textChanges.ts'
import type { ApprovalView } from './row.ts'

/** The result of an import, or the approval that waits for the board. */
export type ImportResult = ImportedSkills & { readonly approval?: ApprovalView }

/**
 * Imports skills. By an agent it is a proposal that has the whole text, because every agent may get a skill of the company (I21).
 * @param folders of this host that the operator allows for skills
 * @throws Refusal those of `readImport` and `importSkills`
 */
export async function importOrPropose(
  ctx: Ctx,
  input: Parameters<typeof readImport>[1],
  folders: readonly string[],
): Promise<ImportResult> {
  return await storeOrPropose(ctx, await readImport(ctx, input, folders))
}

/** Imports the skills of an uploaded file, as `importOrPropose` those of a request. @throws Refusal those of `readUploadedImport` and `importSkills` */
export const uploadOrPropose = async (ctx: Ctx, file: Parameters<typeof readUploadedImport>[0]): Promise<ImportResult> =>
  await storeOrPropose(ctx, await readUploadedImport(file))

async function storeOrPropose(ctx: Ctx, read: ReadImport): Promise<ImportResult> {
  return ctx.actor.kind === 'agent' ? await propose(ctx, read) : await importSkills(ctx, read)
}

async function propose(ctx: Ctx, { found, warnings }: ReadImport): Promise<ImportResult> {
  const companyId = companyOf(ctx)
  return await mutate<ImportResult>(ctx, async (tx) => {
    await lockUnarchivedCompany(tx, companyId)
    await requireActingRun(tx, ctx)
    const present = new Map((await listSkillHeads(tx, companyId)).map((head) => [head.slug, head.contentHash]))
    const names = found.map(({ draft }) => draft.slug)
    const replaced = names.filter((name) => present.has(name))
    const { value, events } = await proposeTexts(tx, ctx, {
      title: `Import the skill${names.length === 1 ? '' : 's'} ${names.join(', ')}`,
      summary: `Granting it stores the texts below, which agents of the company may then be given.${replaced.length === 0 ? '' : ` They take the place of ${replaced.join(', ')}.`}`,
      change: {
        kind: 'skills',
        skills: Object.fromEntries(found.map(({ draft }) => [draft.slug, { ...draft.files }])),
        bases: Object.fromEntries(names.map((name) => [name, present.get(name) ?? null])),
      },
    })
    return changedIfAny({ imported: [], warnings, approval: await value }, events)
  })
}
