import type { Actor } from '../../platform/kernel/actor.ts'
import { decidesForHost } from '../../auth/roles.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { PatchIssue } from './views.ts'

/**
 * Refuses adapter settings for the assignee of an issue to agents, and to people whose role does not decide what this host runs. This
 * server executes none of them today, but a later version may execute the stored values (I18).
 * @param overrides the new value; undefined when it does not change
 * @throws Refusal `approval_required`
 */
export function requireBoardForOverrides(actor: Actor, overrides: PatchIssue['assigneeAdapterOverrides']): void {
  if (decidesForHost(actor) || Object.keys(overrides?.adapterConfig ?? {}).length === 0) return
  refuse('approval_required', { details: { fields: ['assigneeAdapterOverrides'] } })
}
