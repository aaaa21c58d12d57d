import type { z } from 'zod'
import type { Ctx } from '../../platform/db/types.ts'
import { notFound } from '../../platform/kernel/errors.ts'
import type { environmentView } from './views.ts'

type View = z.input<typeof environmentView>

/** Who can look up what runs of an agent would use. Adapters know no agents, so one is handed in. */
export interface Preflight {
  /**
   * @param includesHostChecks also looks for what the configuration names on this host and in the network
   * @returns null for a type that no server has
   */
  runPreflight(type: string, config: unknown, includesHostChecks: boolean): Promise<readonly View['checks'][number][] | null>
}

/**
 * Tells what would keep runs of an agent from starting. What an agent asks about is not looked for anywhere: nothing it
 * writes becomes a path that is touched or a name that is looked up (I18), and the answer would tell it about this host.
 * @throws Refusal `not_found` for a type that no server has
 */
export async function testEnvironment(ctx: Ctx, preflight: Preflight, type: string, config: unknown): Promise<View> {
  const checks = await preflight.runPreflight(type, config, ctx.actor.kind === 'board')
  if (checks === null) throw notFound('Adapter')
  const levels = new Set(checks.map(({ level }) => level))
  const status = levels.has('error') ? 'fail' : levels.has('warn') ? 'warn' : 'pass'
  return { adapterType: type, status, checks: [...checks], testedAt: new Date().toISOString() }
}
