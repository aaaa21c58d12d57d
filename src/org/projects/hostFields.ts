import { fieldsMeaning } from '../../auth/power.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'

/** Fields of a project or a workspace that decide what this host runs and where. */
const hostFields = fieldsMeaning('project.write', 'host')

/**
 * Refuses fields that an agent may not set without the board (I18). This server executes no
 * command among them; the folder and the policy decide where its runs work.
 * @throws Refusal `approval_required`
 */
export function requireBoardForHost(actor: Actor, input: object): void {
  if (actor.kind !== 'agent') return
  const fields = Object.entries(input).flatMap(([name, value]) => (value !== undefined && hostFields.has(name) ? [name] : []))
  if (fields.length > 0) refuse('approval_required', { details: { fields } })
}

/**
 * Refuses an agent that changes the repository of a workspace with commands of the board. The commands would stay, and the
 * agent would choose the code that they run on (I18).
 * @throws Refusal `approval_required`
 */
export function requireBoardForRepo(actor: Actor, before: Readonly<Record<string, unknown>>, changedKeys: readonly string[]): void {
  const hasHostFields = [...hostFields].some((name) => (before[name] ?? null) !== null)
  const fields = changedKeys.filter((key) => ['repoUrl', 'repoRef', 'defaultRef'].includes(key))
  if (actor.kind === 'agent' && hasHostFields && fields.length > 0) refuse('approval_required', { details: { fields } })
}
