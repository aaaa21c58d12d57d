import type { z } from 'zod'
import type { Ctx } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { getConfiguration } from './configurations.ts'
import type { claudeLoginView } from './views.ts'

const instructions =
  'This server starts no login. Run `claude login` on its machine, as the user of the server process; runs of this agent then use the stored credentials.'

/**
 * compatibility: Paperclip's API starts a login of the agent's program. This server executes nothing and returns the
 * instructions for a login by hand.
 * @throws Refusal `not_found`, `bad_request` for an agent of another adapter
 */
export async function claudeLoginInstructions(ctx: Ctx, agentId: string): Promise<z.input<typeof claudeLoginView>> {
  const { adapterType } = await getConfiguration(ctx, agentId)
  if (adapterType !== 'claude_local') refuse('bad_request', { message: 'Login is only supported for claude_local agents' })
  return { exitCode: null, signal: null, timedOut: false, loginUrl: null, stdout: '', stderr: instructions }
}
