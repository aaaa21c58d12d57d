import type { z } from 'zod'
import { hideFolders, hideSettings, sightOfSettings } from '../../auth/visibility.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import { redact } from '../../platform/kernel/redact.ts'
import type { runEventView } from './views.ts'

type RunEvent = z.input<typeof runEventView>
type Json = RunEvent['payload']

/** JSON of a run as an actor may see it: it may quote the settings of the agent. */
function presentJson(actor: Actor, agentId: string, value: Json): Json {
  const sight = sightOfSettings(actor, agentId)
  if (value === null || sight === 'whole') return value
  return sight === 'redacted' ? redact(value) : hideSettings(redact(value))
}

/** An event of a run as an actor may see it. How an agent was started is for the board, the agent itself and agents that create agents. */
export const presentRunEvent = (actor: Actor, event: RunEvent): RunEvent => ({
  ...event,
  payload: presentJson(actor, event.agentId, event.payload),
})

/** The fields of a run that say why it failed. */
interface Failure {
  readonly error: string | null
  readonly errorCode: string | null
}

/** A failure of a run as an actor may see it: what this server says of a failed start quotes the settings of the agent. */
export function presentFailure<F extends Failure>(actor: Actor, agentId: string | null, failure: F): F {
  const { error, errorCode } = failure
  if (error === null || errorCode?.startsWith('adapter_') !== true || sightOfSettings(actor, agentId) !== 'hidden') return failure
  return { ...failure, error: hideFolders(error) }
}

/** A run as an actor may see it. */
export const presentRun = <R extends Failure & { readonly agentId: string; readonly contextSnapshot: Json }>(actor: Actor, run: R): R => ({
  ...presentFailure(actor, run.agentId, run),
  contextSnapshot: presentJson(actor, run.agentId, run.contextSnapshot),
})
