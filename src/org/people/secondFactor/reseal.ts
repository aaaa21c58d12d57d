// After a rotation of BETTER_AUTH_SECRET: the secrets of apps are encrypted again with the newest secret of the server.

import { sql } from 'drizzle-orm'
import { secondFactors } from '../../../model/secondFactors.ts'
import { changedIfAny, mutate } from '../../../platform/db/mutate.ts'
import { param, statement } from '../../../platform/db/statement.ts'
import { systemCtx } from '../../../platform/db/context.ts'
import type { Ctx, Store } from '../../../platform/db/types.ts'
import type { DomainEvent } from '../../../platform/kernel/event.ts'
import { ofInstance } from '../events.ts'
import { secondFactorResealed } from './events.ts'
import type { Seal } from './seal.ts'

/** Rows of one transaction. */
const BATCH = sql.raw('100')

interface Row {
  readonly id: string
  readonly secret: string
}

const selectOld = statement<{ name: string; after: string }, Row>('second_factors_of_older_secrets').read(sql`
  select person_id as id, secret from ${secondFactors} where sealed_with <> ${param('name')} and person_id > ${param('after')}
  order by person_id limit ${BATCH} for update skip locked`)

const updateSecret = statement<{ id: string; sealed: string; sealedWith: string }, { id: string }>('second_factor_reseal').write(sql`
  update ${secondFactors} set secret = ${param('sealed')}, sealed_with = ${param('sealedWith')}, updated_at = now()
  where person_id = ${param('id')} returning person_id as id`)

/** Encrypts one batch again. Rows that no secret of the server opens stay as they are. @returns the last row; null at the end */
const resealBatch = (ctx: Ctx, seal: Seal, after: string): Promise<string | null> =>
  mutate(ctx, async (tx) => {
    const rows = await tx.run(selectOld, { name: seal.name, after })
    const events: DomainEvent[] = []
    for (const { id, secret } of rows) {
      const text = seal.open(secret)
      if (text === null) continue
      await tx.run(updateSecret, { id, ...seal.close(text) })
      events.push(secondFactorResealed(id, {}, ofInstance))
    }
    return changedIfAny(rows.at(-1)?.id ?? null, events)
  })

/**
 * Encrypts again what an older secret of the server encrypted. Afterwards the older one can be taken away.
 * @param store of the server
 */
export async function resealFactors(store: Store, seal: Seal): Promise<void> {
  const ctx = systemCtx(store, null, 'sign-ins')
  for (let after: string | null = ''; after !== null;) after = await resealBatch(ctx, seal, after)
}
