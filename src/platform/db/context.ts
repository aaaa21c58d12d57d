import type { Ctx, Store } from './types.ts'

/** The company of a context. @throws Error for a route that has no company, which is a bug */
export function companyOf(ctx: Ctx): string {
  if (ctx.companyId === null) throw new Error('invariant broken: this verb needs a company')
  return ctx.companyId
}

/** The context in which the server acts by itself. @param task its name in audit rows @param companyId null for an act of no company */
export const systemCtx = (store: Store, companyId: string | null, task: string): Ctx => ({
  actor: { kind: 'system', task },
  companyId,
  requestId: null,
  store,
  idempotency: null,
})
