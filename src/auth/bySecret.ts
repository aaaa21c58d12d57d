import type { Ctx } from '../platform/db/types.ts'

/**
 * The context of a request whose proof is a secret in its path or body: a password, an invitation. The credential of an agent next to it decides
 * nothing, so neither the agent nor its run is named in the record.
 */
export function bySecret(ctx: Ctx): Ctx {
  if (ctx.actor.kind !== 'agent') return ctx
  const { admit: _, ...rest } = ctx
  return { ...rest, actor: { kind: 'anonymous', reason: 'elsewhere', uid: null } }
}
