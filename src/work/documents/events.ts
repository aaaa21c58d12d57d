import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'

const document = z.object({
  key: z.string(),
  documentId: z.string(),
  title: z.string().nullable(),
  format: z.string(),
  revisionNumber: z.number(),
})
const written = document.extend({ revisionId: z.string() })

export const documentCreated = event('issue.document_created', 'issue', written)
export const documentUpdated = event('issue.document_updated', 'issue', written.extend({ changeSummary: z.string().nullable() }))
export const documentRestored = event(
  'issue.document_restored',
  'issue',
  written.extend({ restoredFromRevisionId: z.string(), restoredFromRevisionNumber: z.number() }),
)
export const documentDeleted = event('issue.document_deleted', 'issue', document)
