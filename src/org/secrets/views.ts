import { z } from 'zod'
import { secretProviders } from '../../model/secrets.ts'
import { REDACTED } from '../../platform/kernel/redact.ts'
import { isVisible, NOTHING_VISIBLE } from '../../platform/kernel/skeleton.ts'
import { instant } from '../../platform/kernel/time.ts'
import { MAX_VALUE_BYTES } from './rules.ts'

export const secretView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  name: z.string(),
  provider: z.enum(secretProviders),
  externalRef: z.string().nullable(),
  latestVersion: z.int(),
  description: z.string().nullable(),
  createdByAgentId: z.uuid().nullable(),
  createdByUserId: z.string().nullable(),
  createdAt: instant,
  updatedAt: instant,
})

export const secretProviderView = z.strictObject({ id: z.enum(secretProviders), label: z.string(), requiresExternalRef: z.boolean() })

export const secretDeletionView = z.strictObject({ ok: z.literal(true) })

const secretUse = z.strictObject({
  kind: z.enum(['agent', 'project']),
  id: z.uuid(),
  name: z.string(),
  path: z.string(),
  version: z.union([z.int(), z.literal('latest')]),
})

export const secretUsageView = z.strictObject({
  secretId: z.uuid(),
  uses: z.array(secretUse),
  hasMoreUses: z.boolean(),
  lastRead: z.strictObject({ at: instant, version: z.int(), agentId: z.uuid().nullable(), runId: z.uuid().nullable() }).nullable(),
  versions: z.array(z.strictObject({ version: z.int(), createdByUserId: z.string().nullable(), createdAt: instant })),
})
export type SecretUse = z.output<typeof secretUse>

/** The providers of Paperclip's API. One that is not configured here is a 422. */
const providerName = z.enum([...secretProviders, 'aws_secrets_manager', 'gcp_secret_manager', 'vault'])

// oxlint-disable-next-line no-control-regex
const oneLine = /^[^\u0000-\u001f\u007f]*$/

const name = z.string().trim().min(1).max(200).regex(oneLine, 'must be one line').refine(isVisible, NOTHING_VISIBLE)

const value = z
  .string()
  .min(1)
  .refine((text) => Buffer.byteLength(text) <= MAX_VALUE_BYTES, `must have at most ${MAX_VALUE_BYTES} bytes`)
  // Variables of an environment end at a NUL, and no encoding keeps half a character.
  .refine((text) => !text.includes('\0') && Buffer.from(text).toString() === text, 'must not contain NUL or half a character')
  .refine((text) => !text.includes(REDACTED), 'must not contain the cover of a redacted value')

const description = z.string().max(10_000).nullish()
const externalRef = z.string().trim().min(1).max(500).nullish()

export const createSecretBody = z.object({
  name,
  value: value.optional(),
  provider: providerName.default('local_encrypted'),
  description,
  externalRef,
})
export type CreateSecret = z.output<typeof createSecretBody>

export const rotateSecretBody = z.object({ value: value.optional(), externalRef })
export type RotateSecret = z.output<typeof rotateSecretBody>

export const patchSecretBody = z.object({ name: name.optional(), description, externalRef })
export type PatchSecret = z.output<typeof patchSecretBody>
