import type { Actor } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'

/** Fields of a workspace that decide what this host runs and where. */
const workspaceHostFields = ['cwd', 'setupCommand', 'cleanupCommand', 'runtimeConfig'] as const
/** Fields of a project that decide how its runs are set up. */
const projectHostFields = ['env', 'executionWorkspacePolicy'] as const

/**
 * Refuses what an agent may not decide without the board (I18): nothing of it is run today, but what is stored today
 * may be run tomorrow.
 * @throws Refusal `approval_required`
 */
function requireBoard(actor: Actor, input: Readonly<Record<string, unknown>>, names: readonly string[]): void {
  if (actor.kind !== 'agent') return
  const fields = names.filter((name) => input[name] !== undefined)
  if (fields.length > 0) refuse('approval_required', { details: { fields } })
}

export const requireBoardForProject = (actor: Actor, input: object): void =>
  requireBoard(actor, input as Record<string, unknown>, projectHostFields)

export const requireBoardForWorkspace = (actor: Actor, input: object): void =>
  requireBoard(actor, input as Record<string, unknown>, workspaceHostFields)

/**
 * Refuses an agent that would point a workspace with the board's commands at another repository: the command stays, and
 * what it is run on would be the agent's choice.
 */
export function requireBoardForRepo(actor: Actor, before: Readonly<Record<string, unknown>>, changedKeys: readonly string[]): void {
  const hasHostFields = workspaceHostFields.some((name) => before[name] !== null)
  const fields = changedKeys.filter((key) => ['repoUrl', 'repoRef', 'defaultRef'].includes(key))
  if (actor.kind === 'agent' && hasHostFields && fields.length > 0) refuse('approval_required', { details: { fields } })
}
