import type { z } from 'zod'
import type { Ctx } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { clearErrorOf } from './clearError.ts'
import type { environmentView } from './views.ts'

type View = z.input<typeof environmentView>

/** Checks of an adapter configuration without running it. The room `adapters` knows no agents, so the caller passes it in. */
export interface Preflight {
  /**
   * @param includesHostChecks also looks up the folders, programs and addresses of the configuration
   * @returns null for an unknown adapter type
   */
  runPreflight(type: string, config: unknown, includesHostChecks: boolean): Promise<readonly View['checks'][number][] | null>
}

/**
 * Lists the reasons that would keep runs with a configuration from starting. For an agent, nothing is looked up on this
 * host: no text of an agent becomes a path or a name that the server opens (I18), and the answer would reveal this host.
 * A configuration that passes the test of a person ends the status `error` of the agents that have it.
 * @throws Refusal `not_found` for an unknown adapter type
 */
export async function testEnvironment(
  ctx: Ctx,
  preflight: Preflight,
  type: string,
  config: Readonly<Record<string, unknown>>,
): Promise<View> {
  const checks = await preflight.runPreflight(type, config, ctx.actor.kind === 'board')
  if (checks === null) refuse('not_found', { message: 'Adapter not found' })
  const levels = new Set(checks.map(({ level }) => level))
  const status = levels.has('error') ? 'fail' : levels.has('warn') ? 'warn' : 'pass'
  if (ctx.actor.kind === 'board' && status !== 'fail') await clearErrorOf(ctx, { type, config })
  return { adapterType: type, status, checks: [...checks], testedAt: new Date().toISOString() }
}
