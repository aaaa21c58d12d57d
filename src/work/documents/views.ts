import { z } from 'zod'
import { instant } from '../../platform/kernel/time.ts'

/** Longest text of a document, in characters. */
const BODY_MAX = 524_288

/** The name of a document within its issue. People write `Plan` and mean `plan` (`cases.md` K53). */
export const documentKey = z
  .string()
  .trim()
  .toLowerCase()
  .regex(/^[a-z0-9_-]{1,64}$/, 'A document key has 1 to 64 of a-z, 0-9, hyphen and underscore')

const id = z.uuid().transform((value) => value.toLowerCase())

const authorFields = {
  createdByAgentId: z.uuid().nullable(),
  createdByUserId: z.string().nullable(),
}

export const documentView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  issueId: z.uuid(),
  key: z.string(),
  title: z.string().nullable(),
  format: z.literal('markdown'),
  body: z.string(),
  latestRevisionId: z.uuid(),
  latestRevisionNumber: z.int(),
  ...authorFields,
  updatedByAgentId: z.uuid().nullable(),
  updatedByUserId: z.string().nullable(),
  createdAt: instant,
  updatedAt: instant,
})

export const revisionView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  documentId: z.uuid(),
  issueId: z.uuid(),
  key: z.string(),
  revisionNumber: z.int(),
  title: z.string().nullable(),
  format: z.literal('markdown'),
  body: z.string(),
  changeSummary: z.string().nullable(),
  ...authorFields,
  createdByRunId: z.uuid().nullable(),
  createdAt: instant,
})

export const putDocumentBody = z.object({
  title: z.string().max(200).nullish(),
  format: z.literal('markdown'),
  body: z.string().max(BODY_MAX),
  changeSummary: z.string().max(500).nullish(),
  baseRevisionId: id.nullish(),
})
export type PutDocument = z.output<typeof putDocumentBody>

export const okView = z.strictObject({ ok: z.literal(true) })
