import { requireActingRun } from '../../auth/runFacts.ts'
import { lockUnarchivedCompany } from '../companies/index.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { skillsImported } from './events.ts'
import { presentSkill, skillsById } from './queries.ts'
import type { SkillView } from './queries.ts'
import type { ReadImport } from './readImport.ts'
import { changesIn, storeSkills } from './store.ts'

/** The result of an import. */
export interface ImportedSkills {
  readonly imported: readonly SkillView[]
  readonly warnings: readonly string[]
}

/** Imports skills for the board. A repeat changes nothing. @throws Refusal `company_not_active`; `unprocessable` beyond the limits */
export async function importSkills(ctx: Ctx, { found, warnings }: ReadImport): Promise<ImportedSkills> {
  const companyId = companyOf(ctx)
  return await mutate<ImportedSkills>(ctx, async (tx) => {
    await lockUnarchivedCompany(tx, companyId)
    await requireActingRun(tx, ctx)
    const stored = await storeSkills(tx, ctx, found)
    const rows = await skillsById(
      tx,
      companyId,
      stored.map(({ skillId }) => skillId),
    )
    const answer = { imported: rows.map((row) => presentSkill(ctx, row)), warnings }
    if (changesIn(stored).length === 0) return unchanged(answer)
    return changed(answer, skillsImported(companyId, { skills: stored, warnings: warnings.length, approvalId: null }))
  })
}
