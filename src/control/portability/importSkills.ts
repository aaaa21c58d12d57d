import { skillsImported, storeSkills } from '../../org/skills/index.ts'
import { companyOf } from '../../platform/db/context.ts'
import { pastTense } from './importState.ts'
import type { ImportState } from './importState.ts'
import type { ImportResult } from './views.ts'

/** (tx) Imports the skills of a package. Expects the company's row lock. @throws Refusal `unprocessable` beyond the number of skills */
export async function importPackageSkills({ tx, ctx, plan, events }: ImportState): Promise<ImportResult['skills']> {
  const wanted = plan.skills.filter(({ action }) => action !== 'skip')
  const stored = await storeSkills(
    tx,
    ctx,
    wanted.map(({ draft }) => ({ draft, folder: null })),
  )
  if (stored.length > 0) events.push(skillsImported(companyOf(ctx), { skills: stored, warnings: 0, approvalId: null }))
  const ids = new Map(stored.map(({ slug, skillId }) => [slug, skillId]))
  return plan.skills.flatMap(({ draft, action, existingId, reason }) => {
    const id = ids.get(draft.slug) ?? existingId
    return id === null ? [] : [{ slug: draft.slug, id, action: pastTense[action], reason }]
  })
}
