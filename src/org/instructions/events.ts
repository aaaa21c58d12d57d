import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'

/** Without the text, which is long: `contentHash` is its SHA-256. */
export const instructionsFileUpdated = event(
  'agent.instructions_file_updated',
  'agent',
  z.object({
    path: z.string(),
    fileRevisionId: z.string(),
    previousRevisionId: z.string().nullable(),
    contentHash: z.string(),
    byteSize: z.number(),
    revisionId: z.string(),
    approvalId: z.string().nullable(),
  }),
)
export const instructionsFileDeleted = event(
  'agent.instructions_file_deleted',
  'agent',
  z.object({ path: z.string(), previousRevisionId: z.string(), revisionId: z.string(), approvalId: z.string().nullable() }),
)
export const instructionsBundleUpdated = event(
  'agent.instructions_bundle_updated',
  'agent',
  z.object({ entryFile: z.string(), clearedPromptTemplates: z.boolean(), revisionId: z.string().nullable() }),
)
