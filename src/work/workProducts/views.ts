import { z } from 'zod'
import { instant } from '../../platform/kernel/time.ts'
import { healthStatuses, productStatuses, productTypes, reviewStates } from '../../model/workProductStatus.ts'

/** Longest metadata, in characters of JSON. It is limited because an issue is read with all its work products. */
const METADATA_MAX = 10_000

const id = z.uuid().transform((value) => value.toLowerCase())
const line = (max: number) => z.string().trim().min(1).max(max)

export const workProductView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  projectId: z.uuid().nullable(),
  issueId: z.uuid(),
  executionWorkspaceId: z.uuid().nullable(),
  runtimeServiceId: z.uuid().nullable(),
  type: z.enum(productTypes),
  provider: z.string(),
  externalId: z.string().nullable(),
  title: z.string(),
  url: z.string().nullable(),
  status: z.enum(productStatuses),
  reviewState: z.enum(reviewStates),
  isPrimary: z.boolean(),
  healthStatus: z.enum(healthStatuses),
  summary: z.string().nullable(),
  metadata: z.record(z.string(), z.unknown()).nullable(),
  createdByRunId: z.uuid().nullable(),
  createdAt: instant,
  updatedAt: instant,
})

/** Whether a text is the URL of a page that a person may open. Clients show it as a link to every reader of the issue. */
function isWebUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  // Another scheme could run a script in the browser of a reader, and a password in the URL would be shown to all readers (I17).
  return (url.protocol === 'https:' || url.protocol === 'http:') && url.username === '' && url.password === ''
}

const url = z.string().trim().max(2000).refine(isWebUrl, 'Not an http(s) URL without credentials')

const metadata = z
  .record(z.string(), z.unknown())
  .refine((value) => JSON.stringify(value).length <= METADATA_MAX, `Metadata is at most ${METADATA_MAX} characters of JSON`)

const referenceFields = {
  projectId: id.nullish(),
  executionWorkspaceId: id.nullish(),
  runtimeServiceId: id.nullish(),
  createdByRunId: id.nullish(),
}

const optionalFields = {
  externalId: line(500).nullish(),
  url: url.nullish(),
  summary: z.string().max(5000).nullish(),
  metadata: metadata.nullish(),
  ...referenceFields,
}

export const createWorkProductBody = z.object({
  type: z.enum(productTypes),
  provider: line(100),
  title: line(500),
  status: z.enum(productStatuses).default('active'),
  reviewState: z.enum(reviewStates).default('none'),
  isPrimary: z.boolean().default(false),
  healthStatus: z.enum(healthStatuses).default('unknown'),
  ...optionalFields,
})
export type CreateWorkProduct = z.output<typeof createWorkProductBody>

export const patchWorkProductBody = z.object({
  type: z.enum(productTypes).optional(),
  provider: line(100).optional(),
  title: line(500).optional(),
  status: z.enum(productStatuses).optional(),
  reviewState: z.enum(reviewStates).optional(),
  isPrimary: z.boolean().optional(),
  healthStatus: z.enum(healthStatuses).optional(),
  ...optionalFields,
})
export type PatchWorkProduct = z.output<typeof patchWorkProductBody>
