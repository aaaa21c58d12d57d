import { z } from 'zod'
import { MAX_DESIRED_SKILLS } from '../../adapters/index.ts'
import { skillSources } from '../../model/skills.ts'
import { receivedFile } from '../../platform/kernel/content.ts'
import { MAX_FILE_PATH_BYTES } from '../../platform/kernel/filePath.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { instant } from '../../platform/kernel/time.ts'
import { MAX_IMPORTED_SKILLS, MAX_SKILL_FILE_BYTES, MAX_SKILL_FILES } from './rules.ts'

const fileKinds = ['skill', 'markdown', 'script', 'other'] as const

export const skillView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  key: z.string(),
  slug: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  sourceType: z.enum(skillSources),
  sourceLocator: z.string().nullable(),
  sourceRef: z.string(),
  trustLevel: z.enum(['markdown_only', 'assets', 'scripts_executables']),
  compatibility: z.literal('compatible'),
  fileInventory: z.array(z.strictObject({ path: z.string(), kind: z.enum(fileKinds) })),
  byteSize: z.int(),
  attachedAgentCount: z.int(),
  createdByAgentId: z.uuid().nullable(),
  createdByUserId: z.string().nullable(),
  createdAt: instant,
  updatedAt: instant,
})

export const skillDetailView = z.strictObject({
  ...skillView.shape,
  markdown: z.string(),
  usedByAgents: z.array(z.strictObject({ id: z.uuid(), name: z.string(), adapterType: z.string() })),
})

export const skillListQuery = z.object(pageQuery)
export const skillFileQuery = z.object({ path: z.string().max(MAX_FILE_PATH_BYTES).default('SKILL.md') })
export const skillFileView = z.strictObject({
  skillId: z.uuid(),
  path: z.string(),
  kind: z.enum(fileKinds),
  size: z.int(),
  content: z.string(),
  markdown: z.boolean(),
})

export const updateStatusView = z.strictObject({
  supported: z.boolean(),
  reason: z.string().nullable(),
  currentRef: z.string(),
  latestRef: z.string().nullable(),
  hasUpdate: z.boolean(),
})

/** More files than the largest import of a person has, so that what is beyond a limit gets a sentence of its own. */
const MAX_FILES = MAX_SKILL_FILES * 10

export const importSkillsBody = z.object({
  source: z.string().min(1).max(MAX_SKILL_FILE_BYTES).optional(),
  files: z
    .record(z.string().max(1000), z.string().max(MAX_SKILL_FILE_BYTES))
    .refine((files) => Object.keys(files).length <= MAX_FILES, `At most ${MAX_FILES} files`)
    .optional(),
})
export type ImportSkills = z.output<typeof importSkillsBody>

/** A file with skills: the text of a `SKILL.md`, or a zip, tar or tar.gz of a folder. */
export const uploadSkillsForm = z.object({ file: receivedFile })

export const importSkillsView = z.strictObject({
  imported: z.array(skillView).max(MAX_IMPORTED_SKILLS),
  warnings: z.array(z.string()),
})

export const scanProjectsBody = z.object({
  projectIds: z.array(z.uuid()).max(200).optional(),
  workspaceIds: z.array(z.uuid()).max(200).optional(),
})
export type ScanProjects = z.output<typeof scanProjectsBody>

const foundSkill = z.strictObject({ slug: z.string(), folder: z.string(), reason: z.string().nullable() })
export const scanProjectsView = z.strictObject({
  scannedProjects: z.int(),
  scannedWorkspaces: z.int(),
  discovered: z.int(),
  imported: z.array(skillView),
  updated: z.array(skillView),
  skipped: z.array(foundSkill),
  conflicts: z.array(foundSkill),
  warnings: z.array(z.string()),
})

export const skillsOfAgentView = z.strictObject({
  adapterType: z.string(),
  supported: z.boolean(),
  mode: z.enum(['ephemeral', 'unsupported']),
  desiredSkills: z.array(z.string()),
  entries: z.array(
    z.strictObject({
      key: z.string(),
      name: z.string(),
      description: z.string().nullable(),
      desired: z.boolean(),
      managed: z.boolean(),
      state: z.enum(['configured', 'available', 'missing']),
      detail: z.string().nullable(),
    }),
  ),
  warnings: z.array(z.string()),
})

/** Names are looked up, and their form says nothing that the look-up does not. */
const desiredSkills = z.array(z.string().min(1).max(100)).max(MAX_DESIRED_SKILLS)
export const syncSkillsBody = z.object({ desiredSkills })

export const availableSkillsView = z.strictObject({
  skills: z.array(z.strictObject({ name: z.string(), description: z.string(), isPaperclipManaged: z.literal(true) })),
})
export const skillIndexView = z.strictObject({ skills: z.array(z.strictObject({ name: z.string(), path: z.string() })) })
