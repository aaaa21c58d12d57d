import type { Ctx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { requireAgent } from './queries.ts'

/**
 * compatibility: Paperclip's API keeps a session per task. This server keeps sessions with runs, so the list is empty.
 * @throws Refusal `not_found` for the agent
 */
export async function listTaskSessions(ctx: Ctx, agentId: string): Promise<never[]> {
  await requireAgent(ctx.store.read, companyOf(ctx), agentId)
  return []
}

/** compatibility: Paperclip's API lists the models of an adapter. No adapter of this server queries them. */
export const listModels = (): Promise<never[]> => Promise.resolve([])

/** compatibility: Paperclip's API detects the default model of an adapter. No adapter of this server looks for it. */
export const detectModel = (): Promise<null> => Promise.resolve(null)
