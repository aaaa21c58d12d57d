import type { Ctx } from './types.ts'

/** The company of a context. @throws Error for a route that has no company, which is a bug */
export function companyOf(ctx: Ctx): string {
  if (ctx.companyId === null) throw new Error('invariant broken: this verb needs a company')
  return ctx.companyId
}
