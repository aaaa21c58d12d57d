import { randomUUID } from 'node:crypto'
import { eq, sql } from 'drizzle-orm'
import { requireActingRun } from '../../auth/runFacts.ts'
import { secrets, secretVersions } from '../../model/secrets.ts'
import { nextUpdatedAt } from '../../platform/db/columns.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate, unchanged } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { changeDetails, changesOf } from '../../platform/kernel/changes.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { skeleton } from '../../platform/kernel/skeleton.ts'
import { lockUnarchivedCompany } from '../companies/index.ts'
import { sealValue } from '../vault/index.ts'
import { secretCreated, secretRotated, secretUpdated } from './events.ts'
import { providerOf } from './providers.ts'
import { secretById } from './queries.ts'
import type { SecretRow } from './queries.ts'
import { uncoverableBecause } from './rules.ts'
import type { CreateSecret, PatchSecret, RotateSecret } from './views.ts'

/** The most secrets of one company. Each agent has at most 200 variables. */
const MAX_SECRETS = 1000
/** A rotation every day for three years. Older versions may be pinned, so none is removed by itself. */
const MAX_VERSIONS = 1000

/** The purpose that a sealed version is bound to. */
export const purposeOf = (secretId: string, version: number): string => `secret:${secretId}:${version}`

interface Content {
  readonly provider: string
  readonly value?: string | undefined
  readonly externalRef?: string | null | undefined
}

const refuseField = (field: string, message: string): never =>
  refuse('validation_failed', { message, details: [{ code: 'custom', path: [field], message }] })

/** A checked content: a value for this database, or the name of one at an external provider. */
type CheckedContent = { readonly value: string } | { readonly externalRef: string }

/**
 * Checks what a version is to have.
 * @throws Refusal `provider_not_configured`, `secret_not_coverable`, `validation_failed`, `admin_required` for a provider whose values belong to no company
 */
function checkedContent(ctx: Ctx, { provider, value, externalRef }: Content): CheckedContent {
  const external = providerOf(provider)
  if (external === null) {
    if (value === undefined) return refuseField('value', 'A secret needs a value')
    const because = uncoverableBecause(value)
    if (because !== null)
      refuse('secret_not_coverable', {
        message: `The value ${because}: what runs write could not be searched for it`,
        details: { fields: ['value'] },
      })
    return { value }
  }
  if (value !== undefined) refuseField('value', 'The value is at the external provider: send externalRef and no value')
  if (!externalRef || !external.accepts(externalRef)) return refuseField('externalRef', 'externalRef does not name a value of the provider')
  // The values of the operator's provider belong to no company: who names one decides that the company may have it.
  if (ctx.actor.kind !== 'board' || !ctx.actor.isAdmin) refuse('admin_required')
  return { externalRef }
}

const insertVersion = statement<
  {
    secretId: string
    version: number
    companyId: string
    keyId: string | null
    sealed: Buffer | null
    externalRef: string | null
    userId: string | null
  },
  never
>('secret_version_insert').write(sql`
  insert into ${secretVersions} (secret_id, version, company_id, key_id, sealed, external_ref, created_by_user_id)
  values (${param('secretId', 'uuid')}, ${param('version', 'int')}, ${param('companyId', 'uuid')}, ${param('keyId', 'uuid')}, ${param('sealed', 'bytea')},
    ${param('externalRef', 'text')}, ${param('userId', 'text')})`)

const userIdOf = ({ actor }: Ctx): string | null => (actor.kind === 'board' ? actor.userId : null)

interface VersionKey {
  readonly secretId: string
  readonly version: number
}

/** (tx) Writes a version of a secret; its value is sealed here and nowhere else. */
async function writeVersion(tx: Tx, ctx: Ctx, { secretId, version }: VersionKey, content: CheckedContent): Promise<void> {
  const companyId = companyOf(ctx)
  const sealed = 'value' in content ? await sealValue(tx, companyId, purposeOf(secretId, version), content.value) : null
  const externalRef = 'value' in content ? null : content.externalRef
  const row = { secretId, version, companyId, keyId: sealed?.keyId ?? null, sealed: sealed?.sealed ?? null, externalRef }
  await tx.run(insertVersion, { ...row, userId: userIdOf(ctx) })
}

const selectNames = statement<{ companyId: string; exceptId: string | null }, { name: string }>('secret_names').read(
  sql`select name from ${secrets} where company_id = ${param('companyId', 'uuid')} and id is distinct from ${param('exceptId', 'uuid')}`,
)

/** (tx) Two names of a company look different. Expects the company's row lock. @returns how many others there are @throws Refusal `name_taken` */
async function requireFreeName(tx: Tx, companyId: string, name: string, exceptId: string | null): Promise<number> {
  const others = await tx.run(selectNames, { companyId, exceptId })
  const wanted = skeleton(name)
  if (others.some((other) => skeleton(other.name) === wanted)) refuse('name_taken', { message: 'A secret of that name already exists' })
  return others.length
}

/**
 * Creates a secret with its first version.
 * @throws Refusal `name_taken`, `provider_not_configured`, `secret_not_coverable`, `validation_failed`, `admin_required`, `vault_locked`
 */
export async function createSecret(ctx: Ctx, input: CreateSecret): Promise<SecretRow> {
  const companyId = companyOf(ctx)
  const content = checkedContent(ctx, input)
  const { name, description = null, externalRef = null } = input
  // Checked above: every other name is refused as one that is not configured.
  const provider = input.provider as SecretRow['provider']
  const id = randomUUID()
  return await mutate(ctx, async (tx) => {
    await lockUnarchivedCompany(tx, companyId)
    await requireActingRun(tx, ctx)
    const count = await requireFreeName(tx, companyId, name, null)
    if (count >= MAX_SECRETS) refuse('unprocessable', { message: `A company has at most ${MAX_SECRETS} secrets` })
    await tx.insert(secrets).values({ id, companyId, name, provider, externalRef, description, createdByUserId: userIdOf(ctx) })
    await writeVersion(tx, ctx, { secretId: id, version: 1 }, content)
    return changed(await secretById(tx, companyId, id), secretCreated(id, { name, provider, externalRef }))
  })
}

const lockSecret = statement<{ id: string; companyId: string }, { id: string }>('secret_lock').read(
  sql`select id from ${secrets} where id = ${param('id', 'uuid')} and company_id = ${param('companyId', 'uuid')} for no key update`,
)

/**
 * Gives a secret another value, as a new version. References to `latest` get it at the next start of a run; those to a number keep theirs.
 * @throws Refusal `not_found`, `secret_not_coverable`, `validation_failed`, `admin_required`, `vault_locked`
 */
export async function rotateSecret(ctx: Ctx, id: string, input: RotateSecret): Promise<SecretRow> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await lockUnarchivedCompany(tx, companyId)
    await requireActingRun(tx, ctx)
    await tx.run(lockSecret, { id, companyId })
    const { name, provider, latestVersion, externalRef: before } = await secretById(tx, companyId, id)
    const externalRef = input.externalRef ?? before
    const content = checkedContent(ctx, { provider, value: input.value, externalRef })
    if (latestVersion >= MAX_VERSIONS) refuse('unprocessable', { message: `A secret has at most ${MAX_VERSIONS} versions` })
    const version = latestVersion + 1
    await writeVersion(tx, ctx, { secretId: id, version }, content)
    await tx.update(secrets).set({ latestVersion: version, externalRef, updatedAt: nextUpdatedAt }).where(eq(secrets.id, id))
    return changed(await secretById(tx, companyId, id), secretRotated(id, { name, provider, externalRef, version }))
  })
}

/** Changes the name or the description of a secret. Without a difference it records nothing. @throws Refusal `not_found`, `name_taken`, `validation_failed` */
export async function updateSecret(ctx: Ctx, id: string, input: PatchSecret): Promise<SecretRow> {
  const companyId = companyOf(ctx)
  return await mutate(ctx, async (tx) => {
    await lockUnarchivedCompany(tx, companyId)
    await requireActingRun(tx, ctx)
    const before = await secretById(tx, companyId, id)
    const changes = changesOf(before, input)
    if (changes.length === 0) return unchanged(before)
    const fields = Object.fromEntries(changes)
    if (before.provider !== 'local_encrypted' && 'externalRef' in fields)
      refuseField('externalRef', 'A rotation gives the secret another externalRef')
    if (input.name !== undefined && 'name' in fields) await requireFreeName(tx, companyId, input.name, id)
    await tx
      .update(secrets)
      .set({ ...fields, updatedAt: nextUpdatedAt })
      .where(eq(secrets.id, id))
    return changed(await secretById(tx, companyId, id), secretUpdated(id, changeDetails(before, changes)))
  })
}
