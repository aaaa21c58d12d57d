import { z } from 'zod'
import { routineStatus, triggerKinds } from '../../model/routineStatus.ts'
import { MAX_PATH_LENGTH, MAX_FILES } from './limits.ts'

const json = z.record(z.string(), z.unknown())
const slugs = z.array(z.string().min(1).max(300)).max(MAX_FILES)

const include = z.object({
  company: z.boolean().optional(),
  agents: z.boolean().optional(),
  projects: z.boolean().optional(),
  issues: z.boolean().optional(),
  skills: z.boolean().optional(),
})

export const exportBody = z.object({
  include: include.optional(),
  agents: slugs.optional(),
  skills: slugs.optional(),
  projects: slugs.optional(),
  issues: slugs.optional(),
  projectIssues: slugs.optional(),
  selectedFiles: z.array(z.string().max(MAX_PATH_LENGTH)).max(MAX_FILES).optional(),
  expandReferencedSkills: z.boolean().optional(),
})
export type ExportRequest = z.output<typeof exportBody>

/** The name of a file inside a package. It is a key and never a path on a disk; a name with `..` is refused nevertheless. */
const filePath = z
  .string()
  .min(1)
  .max(MAX_PATH_LENGTH)
  .refine((path) => !path.startsWith('/') && !path.includes('\\') && !path.split('/').includes('..'), 'Not a path inside a package')

const source = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('inline'),
    rootPath: z.string().max(MAX_PATH_LENGTH).nullish(),
    /** Text by path. Values that are not text are ignored. */
    files: z
      .record(filePath, z.union([z.string(), z.looseObject({})]))
      .refine((files) => Object.keys(files).length <= MAX_FILES, `A package has at most ${MAX_FILES} files`),
  }),
  z.object({ type: z.enum(['github', 'url']), url: z.string().max(2000) }),
])

const target = z.discriminatedUnion('mode', [
  z.object({ mode: z.literal('new_company'), newCompanyName: z.string().trim().min(1).max(200).nullish() }),
  z.object({ mode: z.literal('existing_company'), companyId: z.uuid().transform((value) => value.toLowerCase()) }),
])

export const importBody = z.object({
  source,
  include: include.optional(),
  target,
  agents: z.union([z.literal('all'), slugs]).default('all'),
  collisionStrategy: z.enum(['rename', 'skip', 'replace']).default('rename'),
  selectedFiles: z.array(z.string().max(MAX_PATH_LENGTH)).max(MAX_FILES).optional(),
  adapterOverrides: z
    .record(z.string().max(300), z.object({ adapterType: z.string().max(100), adapterConfig: json.optional() }))
    .optional(),
})
export type ImportRequest = z.output<typeof importBody>

const included = z.strictObject({
  company: z.boolean(),
  agents: z.boolean(),
  projects: z.boolean(),
  issues: z.boolean(),
  skills: z.boolean(),
})
export type Included = z.output<typeof included>

const envInput = z.strictObject({
  key: z.string(),
  kind: z.enum(['plain', 'secret']),
  agentSlug: z.string().nullable(),
  projectSlug: z.string().nullable(),
  requirement: z.literal('optional'),
  defaultValue: z.literal(''),
  description: z.null(),
})

/** The contents of a package without its texts. */
const manifest = z.strictObject({
  schemaVersion: z.literal(1),
  generatedAt: z.iso.datetime(),
  source: z.strictObject({ companyId: z.uuid(), companyName: z.string() }).nullable(),
  includes: included,
  company: z.strictObject({ path: z.string(), name: z.string(), brandColor: z.string().nullable() }).nullable(),
  agents: z.array(
    z.strictObject({
      slug: z.string(),
      name: z.string(),
      path: z.string(),
      role: z.string(),
      title: z.string().nullable(),
      reportsToSlug: z.string().nullable(),
      adapterType: z.string(),
      skills: z.array(z.string()),
    }),
  ),
  skills: z.array(z.strictObject({ slug: z.string(), name: z.string(), path: z.string(), description: z.string().nullable() })),
  projects: z.array(z.strictObject({ slug: z.string(), name: z.string(), path: z.string(), status: z.string().nullable() })),
  issues: z.array(
    z.strictObject({
      slug: z.string(),
      identifier: z.string().nullable(),
      title: z.string(),
      path: z.string(),
      projectSlug: z.string().nullable(),
      assigneeAgentSlug: z.string().nullable(),
      status: z.string().nullable(),
      priority: z.string().nullable(),
    }),
  ),
  routines: z.array(
    z.strictObject({
      slug: z.string(),
      title: z.string(),
      path: z.string(),
      projectSlug: z.string().nullable(),
      assigneeAgentSlug: z.string().nullable(),
      status: z.enum(routineStatus.statuses),
      triggers: z.array(
        z.strictObject({
          kind: z.enum(triggerKinds),
          label: z.string().nullable(),
          cronExpression: z.string().nullable(),
          timezone: z.string().nullable(),
        }),
      ),
    }),
  ),
  envInputs: z.array(envInput),
})
export type Manifest = z.output<typeof manifest>

export const exportView = z.strictObject({
  rootPath: z.string(),
  manifest,
  files: z.record(z.string(), z.string()),
  warnings: z.array(z.string()),
  paperclipExtensionPath: z.string(),
})
export type ExportResult = z.output<typeof exportView>

export const exportPreviewView = z.strictObject({
  ...exportView.shape,
  fileInventory: z.array(
    z.strictObject({ path: z.string(), kind: z.enum(['company', 'agent', 'project', 'issue', 'routine', 'skill', 'extension']) }),
  ),
  counts: z.strictObject({ files: z.int(), agents: z.int(), skills: z.int(), projects: z.int(), issues: z.int(), routines: z.int() }),
})

const action = z.enum(['create', 'update', 'skip'])

export const importPreviewView = z.strictObject({
  include: included,
  targetCompanyId: z.uuid().nullable(),
  targetCompanyName: z.string().nullable(),
  collisionStrategy: z.enum(['rename', 'skip', 'replace']),
  selectedAgentSlugs: z.array(z.string()),
  plan: z.strictObject({
    companyAction: z.enum(['create', 'update', 'none']),
    agentPlans: z.array(
      z.strictObject({
        slug: z.string(),
        action,
        plannedName: z.string(),
        existingAgentId: z.uuid().nullable(),
        reason: z.string().nullable(),
      }),
    ),
    projectPlans: z.array(
      z.strictObject({
        slug: z.string(),
        action,
        plannedName: z.string(),
        existingProjectId: z.uuid().nullable(),
        reason: z.string().nullable(),
      }),
    ),
    skillPlans: z.array(z.strictObject({ slug: z.string(), action, existingSkillId: z.uuid().nullable(), reason: z.string().nullable() })),
    routinePlans: z.array(
      z.strictObject({
        slug: z.string(),
        action: z.enum(['create', 'skip']),
        plannedTitle: z.string(),
        existingRoutineId: z.uuid().nullable(),
        reason: z.string().nullable(),
      }),
    ),
    issuePlans: z.array(
      z.strictObject({ slug: z.string(), action: z.literal('create'), plannedTitle: z.string(), reason: z.string().nullable() }),
    ),
  }),
  manifest,
  files: z.record(z.string(), z.string()),
  envInputs: z.array(envInput),
  warnings: z.array(z.string()),
  errors: z.array(z.string()),
})
export type ImportPreview = z.output<typeof importPreviewView>

const importedAction = z.enum(['created', 'updated', 'skipped'])

export const importView = z.strictObject({
  company: z.strictObject({ id: z.uuid(), name: z.string(), action: z.enum(['created', 'updated', 'unchanged']) }),
  agents: z.array(
    z.strictObject({ slug: z.string(), id: z.uuid(), action: importedAction, name: z.string(), reason: z.string().nullable() }),
  ),
  projects: z.array(
    z.strictObject({ slug: z.string(), id: z.uuid(), action: importedAction, name: z.string(), reason: z.string().nullable() }),
  ),
  issues: z.array(
    z.strictObject({ slug: z.string(), id: z.uuid(), identifier: z.string(), action: z.literal('created'), title: z.string() }),
  ),
  routines: z.array(
    z.strictObject({ slug: z.string(), id: z.uuid(), action: importedAction, title: z.string(), reason: z.string().nullable() }),
  ),
  skills: z.array(z.strictObject({ slug: z.string(), id: z.uuid(), action: importedAction, reason: z.string().nullable() })),
  envInputs: z.array(envInput),
  warnings: z.array(z.string()),
})
export type ImportResult = z.output<typeof importView>
