import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'

/** What the audit keeps of a file: enough to know it again, and nothing of what is in it. */
const file = z.object({ contentType: z.string(), byteSize: z.number(), sha256: z.string() })

export const assetCreated = event('asset.created', 'asset', file.extend({ objectKey: z.string() }))
export const attachmentAdded = event(
  'issue.attachment_added',
  'issue',
  file.extend({
    attachmentId: z.string(),
    assetId: z.string(),
    issueCommentId: z.string().nullable(),
    originalFilename: z.string().nullable(),
  }),
)
export const attachmentRemoved = event('issue.attachment_removed', 'issue', file.extend({ attachmentId: z.string(), assetId: z.string() }))
