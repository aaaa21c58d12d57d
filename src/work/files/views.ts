import { z } from 'zod'
import { receivedFile } from '../../platform/kernel/content.ts'
import { instant } from '../../platform/kernel/time.ts'

/** Maximum bytes of a file, as in Paperclip's API. */
export const FILE_LIMIT_BYTES = 10 * 1024 * 1024

const fileFields = {
  provider: z.literal('local_disk'),
  objectKey: z.string(),
  contentType: z.string(),
  byteSize: z.int(),
  sha256: z.string(),
  originalFilename: z.string().nullable(),
  createdByAgentId: z.uuid().nullable(),
  createdByUserId: z.string().nullable(),
  createdAt: instant,
  updatedAt: instant,
  contentPath: z.string(),
}

export const assetView = z.strictObject({ assetId: z.uuid(), companyId: z.uuid(), ...fileFields })

export const attachmentView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  issueId: z.uuid(),
  issueCommentId: z.uuid().nullable(),
  assetId: z.uuid(),
  ...fileFields,
})

export const logoForm = z.object({ file: receivedFile })

export const imageForm = z.object({
  file: receivedFile,
  namespace: z
    .string()
    .trim()
    .regex(/^[A-Za-z0-9/_-]{1,120}$/, 'A namespace has 1 to 120 letters, digits, slashes, hyphens and underscores')
    .optional(),
})

export const attachmentForm = z.object({
  file: receivedFile,
  issueCommentId: z
    .uuid()
    .transform((value) => value.toLowerCase())
    .nullish(),
})

/** The bytes of a file. Their type is in `Content-Type`. */
export const contentView = z.string().meta({ contentMediaType: 'application/octet-stream' })

export const okView = z.strictObject({ ok: z.literal(true) })
