import { lockAgent } from '../../org/agents/index.ts'
import { lockCompany } from '../../org/companies/index.ts'
import { requireSkills, skillsOf } from '../../org/skills/index.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changedIfAny, mutate } from '../../platform/db/mutate.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { applyOrPropose } from './configure.ts'
import type { ApprovalView } from './row.ts'

/** The skills of an agent, and the approval where the change waits for the board. */
export type SyncedSkills = Awaited<ReturnType<typeof skillsOf>> & { readonly approval?: ApprovalView }

/**
 * Sets the skills of an agent; its next run gets their files. By an agent it is a proposal: skills are instructions (I18, I21).
 * @throws Refusal `not_found`, those of `requireSkills` and of a change of the configuration
 */
export async function syncSkills(ctx: Ctx, agentId: string, names: readonly string[]): Promise<SyncedSkills> {
  const companyId = companyOf(ctx)
  return await mutate<SyncedSkills>(ctx, async (tx) => {
    // A skill that is deleted at the same time waits, or is not found.
    await lockCompany(tx, companyId)
    const agent = await lockAgent(tx, companyId, agentId)
    await requireActingRun(tx, ctx)
    const desiredSkills = await requireSkills(tx, agent, names)
    const request = { changes: { adapterConfig: { desiredSkills } }, rolledBackFromRevisionId: null, source: 'skill-sync' } as const
    const { value, events } = await applyOrPropose(tx, ctx, agent, request)
    const { approval } = await value
    const after = await skillsOf(tx, await lockAgent(tx, companyId, agentId))
    return changedIfAny(approval === undefined ? after : { ...after, approval }, events)
  })
}
