import type { Actor } from '../kernel/actor.ts'
import { refuse } from '../kernel/errors.ts'

/** Fields of a workspace that decide what this host runs and where. */
const ofWorkspace = ['cwd', 'setupCommand', 'cleanupCommand', 'runtimeConfig'] as const
/** Fields of a project that decide how its runs are set up. */
const ofProject = ['env', 'executionWorkspacePolicy'] as const

/**
 * Refuses what an agent may not decide without the board (I18): nothing of it is run today, but what is stored today
 * may be run tomorrow.
 * @throws Refusal `approval_required`
 */
function demandBoard(actor: Actor, given: Readonly<Record<string, unknown>>, names: readonly string[]): void {
  if (actor.kind !== 'agent') return
  const fields = names.filter((name) => given[name] !== undefined)
  if (fields.length > 0) refuse('approval_required', { details: { fields } })
}

export const demandBoardForProject = (actor: Actor, given: object): void => demandBoard(actor, given as Record<string, unknown>, ofProject)

export const demandBoardForWorkspace = (actor: Actor, given: object): void =>
  demandBoard(actor, given as Record<string, unknown>, ofWorkspace)

/**
 * Refuses an agent that would point a workspace with the board's commands at another repository: the command stays, and
 * what it is run on would be the agent's choice.
 */
export function demandBoardForRepo(actor: Actor, before: Readonly<Record<string, unknown>>, changedKeys: readonly string[]): void {
  const isPrepared = ofWorkspace.some((name) => before[name] !== null)
  const fields = changedKeys.filter((key) => ['repoUrl', 'repoRef', 'defaultRef'].includes(key))
  if (actor.kind === 'agent' && isPrepared && fields.length > 0) refuse('approval_required', { details: { fields } })
}
