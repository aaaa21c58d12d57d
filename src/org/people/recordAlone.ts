import { bySecret } from '../../auth/bySecret.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import type { Ctx } from '../../platform/db/types.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'

/** Records a failure on its own: the request itself is refused, and keeps no answer for a repeat. */
export const recordAlone = async (ctx: Ctx, event: DomainEvent): Promise<void> =>
  await mutate({ ...bySecret(ctx), idempotency: null }, () => Promise.resolve(changed(undefined, event)))
