import { z } from 'zod'
import { MAX_FILE_PATH_BYTES } from '../../platform/kernel/filePath.ts'
import { instant } from '../../platform/kernel/time.ts'
import { shortnameQuery } from '../agents/index.ts'
import { MAX_INSTRUCTION_FILE_BYTES } from './rules.ts'

const fileFacts = {
  path: z.string(),
  size: z.int(),
  isEntryFile: z.boolean(),
  revisionId: z.uuid(),
  updatedByAgentId: z.uuid().nullable(),
  updatedByUserId: z.string().nullable(),
  updatedAt: instant,
}

export const instructionsBundleView = z.strictObject({
  agentId: z.uuid(),
  companyId: z.uuid(),
  mode: z.enum(['managed', 'external']).nullable(),
  rootPath: z.string().nullable(),
  managedRootPath: z.string(),
  entryFile: z.string(),
  resolvedEntryPath: z.string().nullable(),
  editable: z.boolean(),
  warnings: z.array(z.string()),
  legacyPromptTemplateActive: z.boolean(),
  legacyBootstrapPromptTemplateActive: z.boolean(),
  files: z.array(z.strictObject(fileFacts)),
})

export const instructionsFileView = z.strictObject({ ...fileFacts, agentId: z.uuid(), content: z.string(), markdown: z.boolean() })

const path = z.string().min(1).max(MAX_FILE_PATH_BYTES)

// Needed; that it is missing is said after the agent was found, so that one of another company answers as a missing one.
export const instructionsFileQuery = z.object({ ...shortnameQuery.shape, path: path.optional() })
export const deleteInstructionsFileQuery = z.object({ ...instructionsFileQuery.shape, baseRevisionId: z.uuid().optional() })

export const putInstructionsFileBody = z.object({
  path,
  content: z.string().max(MAX_INSTRUCTION_FILE_BYTES),
  baseRevisionId: z.uuid().nullish(),
  clearLegacyPromptTemplate: z.boolean().optional(),
})
export type PutInstructionsFile = z.output<typeof putInstructionsFileBody>

export const patchInstructionsBundleBody = z.object({
  mode: z.enum(['managed', 'external']).optional(),
  rootPath: z.string().max(4096).nullish(),
  entryFile: path.optional(),
  clearLegacyPromptTemplate: z.boolean().optional(),
})
export type PatchInstructionsBundle = z.output<typeof patchInstructionsBundleBody>

export const instructionsPathBody = z.object({
  path: z.string().max(4096).nullable(),
  adapterConfigKey: z.string().max(100).nullish(),
})
export type InstructionsPath = z.output<typeof instructionsPathBody>
export const instructionsPathView = z.strictObject({
  agentId: z.uuid(),
  adapterType: z.string(),
  adapterConfigKey: z.string(),
  path: z.string().nullable(),
})
