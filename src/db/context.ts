import type { Actor } from '../kernel/actor.ts'
import type { IdempotencyClaim } from './idempotency.ts'
import type { Store } from './store.ts'

/** Who does what, where and under which request: the first argument of every verb. */
export interface Ctx {
  readonly actor: Actor
  /** The company from the credential or from a tenant-checked path; null only where a route has none. */
  readonly companyId: string | null
  readonly requestId: string | null
  readonly store: Store
  /** The Idempotency-Key of the request, to be honoured by the one mutation it makes. */
  readonly idempotency: IdempotencyClaim | null
}

/** The company of a context that must have one. */
export function companyOf(ctx: Ctx): string {
  if (ctx.companyId === null) throw new Error('invariant broken: this verb needs a company')
  return ctx.companyId
}
