import type { Actor } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'

/** Fields of a workspace that decide what this host runs and where. */
const workspaceHostFields = ['cwd', 'setupCommand', 'cleanupCommand', 'runtimeConfig'] as const
/** Fields of a project that decide how its runs are set up. */
const projectHostFields = ['env', 'executionWorkspacePolicy'] as const

/**
 * Refuses fields that an agent may not set without the board (I18). This server executes none of them today, but a later
 * version may execute the stored values.
 * @throws Refusal `approval_required`
 */
function requireBoard(actor: Actor, input: Readonly<Record<string, unknown>>, names: readonly string[]): void {
  if (actor.kind !== 'agent') return
  const fields = names.filter((name) => input[name] !== undefined)
  if (fields.length > 0) refuse('approval_required', { details: { fields } })
}

/** As `requireBoard`, for the fields of a project. */
export const requireBoardForProject = (actor: Actor, input: object): void =>
  requireBoard(actor, input as Record<string, unknown>, projectHostFields)

/** As `requireBoard`, for the fields of a workspace. */
export const requireBoardForWorkspace = (actor: Actor, input: object): void =>
  requireBoard(actor, input as Record<string, unknown>, workspaceHostFields)

/**
 * Refuses an agent that changes the repository of a workspace with commands of the board. The commands would stay, and the
 * agent would choose the code that they run on (I18).
 * @throws Refusal `approval_required`
 */
export function requireBoardForRepo(actor: Actor, before: Readonly<Record<string, unknown>>, changedKeys: readonly string[]): void {
  const hasHostFields = workspaceHostFields.some((name) => before[name] !== null)
  const fields = changedKeys.filter((key) => ['repoUrl', 'repoRef', 'defaultRef'].includes(key))
  if (actor.kind === 'agent' && hasHostFields && fields.length > 0) refuse('approval_required', { details: { fields } })
}
