import { z } from 'zod'
import { inCompany, ofAgent } from '../../auth/scopes.ts'
import { del, patch, post, put } from '../../http/route.ts'
import type { Route } from '../../http/route.ts'
import { shortnameQuery } from '../../org/agents/index.ts'
import {
  deleteInstructionsFileQuery,
  instructionsBundleView,
  instructionsFileView,
  instructionsPathBody,
  instructionsPathView,
  patchInstructionsBundleBody,
  putInstructionsFileBody,
} from '../../org/instructions/index.ts'
import {
  importSkillsBody,
  importSkillsView,
  MAX_IMPORT_BYTES,
  skillsOfAgentView,
  syncSkillsBody,
  uploadSkillsForm,
} from '../../org/skills/index.ts'
import { importOrPropose, uploadOrPropose } from './importSkills.ts'
import { patchInstructionsBundle, putInstructionsFile, removeInstructionsFile, setInstructionsPath } from './instructions.ts'
import { syncSkills } from './syncSkills.ts'
import { approvalView, proposalStatus } from './views.ts'

const approval = { approval: approvalView.optional() }
const importedView = z.strictObject({ ...importSkillsView.shape, ...approval })
const syncedView = z.strictObject({ ...skillsOfAgentView.shape, ...approval })
const bundleView = z.strictObject({ ...instructionsBundleView.shape, ...approval })
const pathView = z.strictObject({ ...instructionsPathView.shape, ...approval })
const proposedFileView = z.strictObject({ agentId: z.uuid(), path: z.string(), approval: approvalView })
const writtenFileView = z.union([instructionsFileView, proposedFileView])

const refusals = ['not_found', 'not_self', 'approval_required', 'unprocessable', 'agent_terminated', 'agent_pending'] as const

const skillTextRoutes = (folders: readonly string[]): Route[] => [
  post('/api/companies/:companyId/skills/import', {
    summary: 'Import skills; by an agent a proposal with the whole text',
    permission: 'skill.import',
    scope: inCompany(),
    body: importSkillsBody,
    // Every character of the largest skill may be written as an escape, and an import has several.
    bodyLimit: MAX_IMPORT_BYTES,
    status: 201,
    returns: importedView,
    altStatus: proposalStatus,
    refuses: ['not_found', 'company_not_active', 'approval_required', 'unprocessable'],
    handle: ({ ctx, body }) => importOrPropose(ctx, body, folders),
  }),
  post('/api/companies/:companyId/skills/upload', {
    summary: 'Import the skills of a file; by an agent a proposal with the whole text',
    permission: 'skill.import',
    scope: inCompany(),
    bodyKind: 'file',
    body: uploadSkillsForm,
    bodyLimit: MAX_IMPORT_BYTES,
    status: 201,
    returns: importedView,
    altStatus: proposalStatus,
    refuses: ['not_found', 'company_not_active', 'unprocessable', 'file_type_unsupported', 'file_invalid'],
    handle: ({ ctx, body }) => uploadOrPropose(ctx, body.file),
  }),
  post('/api/agents/:id/skills/sync', {
    summary: 'Set the skills of an agent; by an agent a proposal',
    permission: 'skill.sync',
    scope: ofAgent(),
    query: shortnameQuery,
    body: syncSkillsBody,
    returns: syncedView,
    altStatus: proposalStatus,
    refuses: ['not_found', 'unknown_reference', 'unprocessable', 'field_not_permitted', 'agent_terminated', 'agent_pending'],
    handle: ({ ctx, target, body }) => syncSkills(ctx, target, body.desiredSkills),
  }),
]

const instructionsRoutes: readonly Route[] = [
  patch('/api/agents/:id/instructions-path', {
    summary: 'Set the file of this host that an agent gets as instructions; by an agent a proposal',
    permission: 'instructions.write',
    scope: ofAgent(),
    query: shortnameQuery,
    body: instructionsPathBody,
    returns: pathView,
    altStatus: proposalStatus,
    refuses: [...refusals, 'payload_invalid'],
    handle: ({ ctx, target, body }) => setInstructionsPath(ctx, target, body),
  }),
  patch('/api/agents/:id/instructions-bundle', {
    summary: 'Set the file that runs of an agent read first',
    permission: 'instructions.write',
    scope: ofAgent(),
    query: shortnameQuery,
    body: patchInstructionsBundleBody,
    returns: bundleView,
    refuses: refusals,
    handle: ({ ctx, target, body }) => patchInstructionsBundle(ctx, target, body),
  }),
  put('/api/agents/:id/instructions-bundle/file', {
    summary: 'Write one file of the instructions of an agent; of another agent a proposal',
    permission: 'instructions.write',
    scope: ofAgent(),
    query: shortnameQuery,
    body: putInstructionsFileBody,
    returns: writtenFileView,
    altStatus: { status: 202, when: (answer) => 'approval' in answer },
    refuses: [...refusals, 'document_stale'],
    handle: ({ ctx, target, body }) => putInstructionsFile(ctx, target, body),
  }),
  del('/api/agents/:id/instructions-bundle/file', {
    summary: 'Delete one file of the instructions of an agent; of another agent a proposal',
    permission: 'instructions.write',
    scope: ofAgent(),
    query: deleteInstructionsFileQuery,
    returns: bundleView,
    altStatus: proposalStatus,
    refuses: [...refusals, 'document_stale'],
    handle: ({ ctx, target, query }) => removeInstructionsFile(ctx, target, { path: query.path, base: query.baseRevisionId }),
  }),
]

/** The texts that agents follow: skills and instructions. @param folders of this host that the operator allows for skills */
export const textRoutes = (folders: readonly string[]): Route[] => [...skillTextRoutes(folders), ...instructionsRoutes]
