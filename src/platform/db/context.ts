import type { Ctx } from './types.ts'

/** The company of a context that must have one. */
export function companyOf(ctx: Ctx): string {
  if (ctx.companyId === null) throw new Error('invariant broken: this verb needs a company')
  return ctx.companyId
}
