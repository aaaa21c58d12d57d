import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'

/** The details of a file in an audit row: they identify the file and hold nothing of its content. */
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
