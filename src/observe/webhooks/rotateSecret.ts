import { eq, sql } from 'drizzle-orm'
import { webhookEndpoints } from '../../model/webhooks.ts'
import { lockCompany } from '../../org/companies/index.ts'
import { sealValue } from '../../org/vault/index.ts'
import { nextUpdatedAt } from '../../platform/db/columns.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { webhookSecretRotated } from './events.ts'
import { webhookById } from './queries.ts'
import type { Webhook } from './queries.ts'
import { createSecret, sealPurpose } from './signing.ts'

const NO_PREVIOUS = { previousSecretKeyId: null, previousSecretSealed: null, previousSecretUntil: null } as const

/**
 * Replaces the signing secret. The one before signs beside it for so long, and one that was still signing from the replacement before ends now.
 * @param overlapSec 0 revokes the secret before with the commit
 * @returns the endpoint with its new secret, which is shown once
 * @throws Refusal `not_found`, `vault_locked`
 */
export async function rotateSecret(ctx: Ctx, id: string, overlapSec: number): Promise<Webhook & { readonly secret: string }> {
  const companyId = companyOf(ctx)
  const secret = createSecret()
  return await mutate(ctx, async (tx) => {
    await lockCompany(tx, companyId)
    const { secretVersion } = await webhookById(tx, companyId, id)
    const version = secretVersion + 1
    const { keyId, sealed } = await sealValue(tx, companyId, sealPurpose(id, version), secret)
    const previous = {
      previousSecretKeyId: sql`secret_key_id`,
      previousSecretSealed: sql`secret_sealed`,
      previousSecretUntil: sql`now() + make_interval(secs => ${overlapSec})`,
    }
    await tx
      .update(webhookEndpoints)
      .set({
        secretVersion: version,
        secretKeyId: keyId,
        secretSealed: sealed,
        ...(overlapSec === 0 ? NO_PREVIOUS : previous),
        updatedAt: nextUpdatedAt,
      })
      .where(eq(webhookEndpoints.id, id))
    const webhook = await webhookById(tx, companyId, id)
    return changed({ ...webhook, secret }, webhookSecretRotated(id, { version, previousUntil: webhook.previousSecretUntil }))
  })
}
