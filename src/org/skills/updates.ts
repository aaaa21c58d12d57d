import { eq } from 'drizzle-orm'
import type { z } from 'zod'
import { decidesForHost } from '../../auth/roles.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { companySkills } from '../../model/skills.ts'
import { lockCompany, lockUnarchivedCompany } from '../companies/index.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { skillDeleted, skillUpdateInstalled } from './events.ts'
import { allowedFolder, skillsIn } from './folders.ts'
import { agentsWith, presentSkill, skillById } from './queries.ts'
import type { SkillView } from './queries.ts'
import { storeSkills } from './store.ts'
import type { SourcedDraft } from './store.ts'
import type { updateStatusView } from './views.ts'

type Status = z.input<typeof updateStatusView>
type Row = Awaited<ReturnType<typeof skillById>>

/** The skill as its folder has it now, or the reason why that is not known. */
async function latestOf({ slug, sourceLocator }: Row, allowed: readonly string[]): Promise<{ latest: SourcedDraft } | { reason: string }> {
  if (sourceLocator === null) return { reason: 'It was sent as text and has no source: import it again to change it' }
  const folder = await allowedFolder(sourceLocator, allowed)
  if (folder === null) return { reason: 'Its folder is missing, or the operator allows it no more (PAPERCLIP_SKILL_FOLDERS)' }
  const { found, warnings } = await skillsIn(folder)
  // The only skill of the folder is the one, whatever the folder is called by now.
  const latest = found.find(({ draft }) => draft.slug === slug) ?? (found.length === 1 ? found[0] : undefined)
  if (latest === undefined) return { reason: warnings[0] ?? 'Its folder has no skill of this name' }
  return { latest: { draft: { ...latest.draft, slug }, folder: sourceLocator } }
}

/** Whether the folder of a skill has another text than the company. @throws Refusal `not_found` */
export async function updateStatus(ctx: Ctx, id: string, allowed: readonly string[]): Promise<Status> {
  const row = await skillById(ctx.store.read, companyOf(ctx), id)
  const latest = await latestOf(row, allowed)
  const currentRef = row.contentHash
  if ('reason' in latest)
    return { supported: row.sourceLocator !== null, reason: latest.reason, currentRef, latestRef: null, hasUpdate: false }
  const latestRef = latest.latest.draft.contentHash
  return { supported: true, reason: null, currentRef, latestRef, hasUpdate: latestRef !== currentRef }
}

/**
 * Stores the text that the folder of a skill has now. A skill without a source, and one whose folder has the same text, stay as they are.
 * @throws Refusal `not_found`; `approval_required` for an agent where something would change; `unprocessable` where the folder cannot be read
 */
export async function installUpdate(ctx: Ctx, id: string, allowed: readonly string[]): Promise<SkillView> {
  const companyId = companyOf(ctx)
  const before = await skillById(ctx.store.read, companyId, id)
  if (before.sourceLocator === null) return presentSkill(ctx, before)
  if (!decidesForHost(ctx.actor)) return await refuseFolder(ctx)
  const latest = await latestOf(before, allowed)
  if ('reason' in latest) return refuse('unprocessable', { message: latest.reason })
  return await mutate<SkillView>(ctx, async (tx) => {
    await lockUnarchivedCompany(tx, companyId)
    await requireActingRun(tx, ctx)
    const row = await skillById(tx, companyId, id)
    const { contentHash } = latest.latest.draft
    if (row.contentHash === contentHash || row.sourceLocator !== before.sourceLocator) return unchanged(presentSkill(ctx, row))
    await storeSkills(tx, ctx, [latest.latest])
    const details = { slug: row.slug, contentHash, previousHash: row.contentHash }
    return changed(presentSkill(ctx, await skillById(tx, companyId, id)), skillUpdateInstalled(id, details))
  })
}

/** Refuses an agent that would have a folder of the host read, as a write: one that may not write at all gets the reason of that. */
const refuseFolder = (ctx: Ctx): Promise<never> =>
  mutate<never>(ctx, async (tx) => {
    await lockUnarchivedCompany(tx, companyOf(ctx))
    await requireActingRun(tx, ctx)
    return refuse('approval_required', { message: 'Only the board reads a folder of this host' })
  })

/** Deletes a skill with its files. @throws Refusal `not_found`; `unprocessable` while an agent is to have it */
export async function deleteSkill(ctx: Ctx, id: string): Promise<SkillView> {
  const companyId = companyOf(ctx)
  return await mutate<SkillView>(ctx, async (tx) => {
    await lockCompany(tx, companyId)
    await requireActingRun(tx, ctx)
    const row = await skillById(tx, companyId, id)
    const users = await agentsWith(tx, companyId, row.slug)
    if (users.length > 0)
      refuse('unprocessable', {
        message: 'Agents have this skill: take it from them first',
        details: { agentIds: users.map((user) => user.id) },
      })
    await tx.delete(companySkills).where(eq(companySkills.id, id))
    return changed(presentSkill(ctx, row), skillDeleted(id, { slug: row.slug, contentHash: row.contentHash }))
  })
}
