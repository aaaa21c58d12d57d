import { isVisible, NOTHING_VISIBLE } from '../../platform/kernel/skeleton.ts'
import { z } from 'zod'
import { flag, listOf } from '../../http/query.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { instant, sentInstant, sentInstantOrDay } from '../../platform/kernel/time.ts'

const projectStatuses = ['backlog', 'planned', 'in_progress', 'completed', 'cancelled'] as const
const sourceTypes = ['local_path', 'git_repo', 'remote_managed', 'non_git_path'] as const
const visibilities = ['default', 'advanced'] as const

const json = z.record(z.string(), z.unknown())
const id = z.uuid().transform((value) => value.toLowerCase())
const line = (max: number) => z.string().trim().min(1).max(max)

export const workspaceView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  projectId: z.uuid(),
  name: z.string(),
  sourceType: z.enum(sourceTypes),
  cwd: z.string().nullable(),
  repoUrl: z.string().nullable(),
  repoRef: z.string().nullable(),
  defaultRef: z.string().nullable(),
  visibility: z.enum(visibilities),
  setupCommand: z.string().nullable(),
  cleanupCommand: z.string().nullable(),
  remoteProvider: z.string().nullable(),
  remoteWorkspaceRef: z.string().nullable(),
  sharedWorkspaceKey: z.string().nullable(),
  metadata: json.nullable(),
  runtimeConfig: json.nullable(),
  isPrimary: z.boolean(),
  runtimeServices: z.array(z.never()),
  createdAt: instant,
  updatedAt: instant,
})

export const codebaseView = z.strictObject({
  workspaceId: z.uuid().nullable(),
  repoUrl: z.string().nullable(),
  repoRef: z.string().nullable(),
  defaultRef: z.string().nullable(),
  repoName: z.string().nullable(),
  localFolder: z.string().nullable(),
  managedFolder: z.string(),
  effectiveLocalFolder: z.string(),
  origin: z.enum(['local_folder', 'managed_checkout']),
})

export const projectView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  goalId: z.uuid().nullable(),
  name: z.string(),
  urlKey: z.string(),
  description: z.string().nullable(),
  status: z.enum(projectStatuses),
  leadAgentId: z.uuid().nullable(),
  targetDate: z.string().nullable(),
  color: z.string().nullable(),
  pauseReason: z.string().nullable(),
  pausedAt: instant.nullable(),
  executionWorkspacePolicy: json.nullable(),
  /** Visible to the board only; agents see null. */
  env: json.nullable(),
  archivedAt: instant.nullable(),
  createdAt: instant,
  updatedAt: instant,
  goalIds: z.array(z.uuid()),
  goals: z.array(z.strictObject({ id: z.uuid(), title: z.string() })),
  codebase: codebaseView,
  workspaces: z.array(workspaceView),
  primaryWorkspace: workspaceView.nullable(),
})

/** The schemes of repository URLs. A URL of another scheme could name a program. */
const repoSchemes = new Set(['http:', 'https:', 'ssh:', 'git:'])

function isRepoUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  // A token inside the URL would be shown to every reader of the project (I17); `ssh://git@host` names no secret.
  const hasSecret = url.password !== '' || (url.username !== '' && url.protocol !== 'ssh:')
  return repoSchemes.has(url.protocol) && url.hostname !== '' && !hasSecret
}

const repoUrl = z.string().trim().max(2000).refine(isRepoUrl, 'Not the URL of a repository without credentials')
/** A branch, tag or commit. It never begins with a hyphen, because a command line would read it as an option. */
const ref = z
  .string()
  .trim()
  .regex(/^[^\s\p{Cc}-][^\s\p{Cc}]{0,249}$/u)

const workspaceFields = {
  name: line(200).nullish(),
  sourceType: z.enum(sourceTypes).optional(),
  cwd: line(4096).nullish(),
  repoUrl: repoUrl.nullish(),
  repoRef: ref.nullish(),
  defaultRef: ref.nullish(),
  visibility: z.enum(visibilities).optional(),
  setupCommand: line(10_000).nullish(),
  cleanupCommand: line(10_000).nullish(),
  remoteProvider: line(200).nullish(),
  remoteWorkspaceRef: line(500).nullish(),
  sharedWorkspaceKey: line(500).nullish(),
  metadata: json.nullish(),
  runtimeConfig: json.nullish(),
  isPrimary: z.boolean().optional(),
}

export const createWorkspaceBody = z.object(workspaceFields).refine((value) => Boolean(value.cwd) || Boolean(value.repoUrl), {
  message: 'Workspace requires at least one of cwd or repoUrl',
  path: ['cwd'],
})
export type CreateWorkspace = z.output<typeof createWorkspaceBody>

export const patchWorkspaceBody = z.object(workspaceFields)
export type PatchWorkspace = z.output<typeof patchWorkspaceBody>

/** The fields of a workspace with values that answers redact. */
export const workspaceSettings = Object.keys(workspaceFields) as (keyof PatchWorkspace)[]

/** Bare text is stored in the tagged form of Paperclip's API. */
const binding = z.union([
  z
    .string()
    .max(32_000)
    .transform((value) => ({ type: 'plain' as const, value })),
  z.object({ type: z.literal('plain'), value: z.string().max(32_000) }),
  z.object({ type: z.literal('secret_ref'), secretId: id, version: z.union([z.int().min(1), z.literal('latest')]).optional() }),
])
const env = z
  .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/), binding)
  .refine((value) => Object.keys(value).length <= 200, 'At most 200 bindings')

const projectFields = {
  name: line(200).refine(isVisible, NOTHING_VISIBLE),
  description: z.string().max(100_000).nullish(),
  status: z.enum(projectStatuses).optional(),
  goalId: id.nullish(),
  goalIds: z.array(id).max(50).optional(),
  leadAgentId: id.nullish(),
  targetDate: sentInstantOrDay.nullish(),
  color: z
    .string()
    .regex(/^#[0-9a-fA-F]{6}$/)
    .nullish(),
  executionWorkspacePolicy: json.nullish(),
  env: env.nullish(),
  archivedAt: sentInstant.nullish(),
}

export const projectListQuery = z.object({
  status: listOf(z.enum(projectStatuses), projectStatuses.length).optional(),
  /** The newest published page asks for it; archived projects are always in the list. */
  includeArchived: flag.optional(),
  ...pageQuery,
})

export const createProjectBody = z.object({ ...projectFields, workspace: createWorkspaceBody.optional() })
export type CreateProject = z.output<typeof createProjectBody>

export const patchProjectBody = z.object({ ...projectFields, name: projectFields.name.optional() })
export type PatchProject = z.output<typeof patchProjectBody>

/** The fields of a project that hold a configuration with values that answers redact. */
export const projectSettings = ['env', 'executionWorkspacePolicy'] as const satisfies readonly (keyof PatchProject)[]
