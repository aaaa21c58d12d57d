import { z } from 'zod'
import { createAgentBody } from '../../org/agents/index.ts'
import { agentRoles } from '../../model/agentStatus.ts'
import { createCompanyBody, patchCompanyBody } from '../../org/companies/index.ts'
import { createIssueBody } from '../../work/issues/index.ts'
import { createLabelBody } from '../../org/labels/index.ts'
import { createProjectBody, createWorkspaceBody } from '../../org/projects/index.ts'
import { containsRedacted } from '../../platform/kernel/redact.ts'
import { parseFrontMatter } from './frontMatter.ts'
import { MAX_FILES } from './limits.ts'

/** Where what the text of a package cannot carry stands. JSON, which is YAML too. */
export const EXTENSION_PATH = '.paperclip.yaml'
export const COMPANY_PATH = 'COMPANY.md'
export const EXTENSION_SCHEMA = 'paperclip-server/v1'

export const agentPath = (slug: string): string => `agents/${slug}/AGENTS.md`
export const projectPath = (slug: string): string => `projects/${slug}/PROJECT.md`
export const issuePath = (slug: string): string => `tasks/${slug}/TASK.md`

const slug = z.string().min(1).max(300)

const companyEntry = z.object({
  ...createCompanyBody.shape,
  brandColor: patchCompanyBody.shape.brandColor,
  requireBoardApprovalForNewAgents: z.boolean().optional(),
})
export type CompanyEntry = z.output<typeof companyEntry>

const agentEntry = z.object({ ...createAgentBody.omit({ reportsTo: true }).shape, reportsTo: slug.nullish() })
export type AgentEntry = z.output<typeof agentEntry> & { readonly slug: string; readonly path: string }

const projectEntry = z.object({
  ...createProjectBody.omit({ goalId: true, goalIds: true, leadAgentId: true, workspace: true, archivedAt: true }).shape,
  lead: slug.nullish(),
  workspaces: z.array(createWorkspaceBody).max(50).optional(),
})
export type ProjectEntry = z.output<typeof projectEntry> & { readonly slug: string; readonly path: string }

const { title, description, priority, billingCode, status } = createIssueBody.shape
const issueEntry = z.object({
  title,
  description,
  priority,
  billingCode,
  status,
  project: slug.nullish(),
  assignee: slug.nullish(),
  parent: slug.nullish(),
  blockedBy: z.array(slug).max(100).nullish(),
  labels: z.array(createLabelBody.shape.name).max(50).nullish(),
})
export type IssueEntry = z.output<typeof issueEntry> & { readonly slug: string; readonly path: string }

/** A package as it was read; what is in it fits the bodies of the API. */
export interface CompanyPackage {
  readonly company: CompanyEntry | null
  readonly agents: readonly AgentEntry[]
  readonly projects: readonly ProjectEntry[]
  readonly issues: readonly IssueEntry[]
  /** Colours of labels by name. */
  readonly labelColors: Readonly<Record<string, string>>
  readonly warnings: readonly string[]
  readonly errors: readonly string[]
}

const json = z.record(z.string(), z.unknown())
const extensionEntries = z.record(z.string(), json).optional()
const extensionSchema = z.object({
  company: json.optional(),
  agents: extensionEntries,
  projects: extensionEntries,
  tasks: extensionEntries,
  labels: z.record(z.string(), z.unknown()).optional(),
})
type Extension = z.output<typeof extensionSchema>

interface Diagnostics {
  readonly warnings: string[]
  readonly errors: string[]
}

function parseExtension(text: string | undefined, diagnostics: Diagnostics): Extension {
  if (text === undefined) return {}
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = null
  }
  const parsed = extensionSchema.safeParse(value)
  if (parsed.success) return parsed.data
  diagnostics.warnings.push(`${EXTENSION_PATH} is not in the form this server writes; what it says is left out`)
  return {}
}

/** Fields of a document and of the extension, without what is null: an absent field and an empty one say the same. */
function fieldsOf(path: string, text: string, extraFields: Readonly<Record<string, unknown>> | undefined, diagnostics: Diagnostics) {
  const { fields, body, unread } = parseFrontMatter(text)
  if (unread.length > 0) diagnostics.warnings.push(`${path}: ${unread.length} line(s) of the head are not understood and left out`)
  const presentFields = Object.entries({ ...extraFields, ...fields }).filter(([key, value]) => {
    const isRedacted = typeof value === 'object' && containsRedacted(value)
    if (isRedacted) diagnostics.warnings.push(`${path}: ${key} holds a covered secret and is left out`)
    return value !== null && !isRedacted
  })
  return { fields: Object.fromEntries(presentFields), body: body === '' ? null : body }
}

function parseEntry<T>(path: string, schema: z.ZodType<T>, value: unknown, diagnostics: Diagnostics): T | null {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  for (const issue of parsed.error.issues.slice(0, 5)) diagnostics.errors.push(`${path}: ${[...issue.path, issue.message].join(': ')}`)
  return null
}

const knownRoles = new Set<unknown>(agentRoles)

function parseAgent(key: string, path: string, text: string, extraFields: Extension, diagnostics: Diagnostics): AgentEntry | null {
  const { fields, body } = fieldsOf(path, text, extraFields.agents?.[key], diagnostics)
  const { role, adapterType, adapterConfig } = fields
  const hasRole = role === undefined || knownRoles.has(role)
  if (!hasRole) diagnostics.warnings.push(`${path}: the role is not known here, so it becomes general`)
  const hasAdapter = createAgentBody.shape.adapterType.safeParse(adapterType).success
  if (!hasAdapter) diagnostics.warnings.push(`${path}: the adapter is not known here, so it becomes process, without its configuration`)
  const config = hasAdapter ? adapterConfig : undefined
  const input = {
    ...fields,
    name: fields['name'] ?? key,
    role: hasRole ? role : 'general',
    adapterType: hasAdapter ? adapterType : 'process',
    adapterConfig: body === null ? config : { ...(config as object | undefined), promptTemplate: body },
  }
  const entry = parseEntry(path, agentEntry, input, diagnostics)
  return entry === null ? null : { ...entry, slug: key, path }
}

const places = {
  agent: /^agents\/([^/]+)\/AGENTS\.md$/,
  project: /^projects\/([^/]+)\/PROJECT\.md$/,
  issue: /^(?:projects\/[^/]+\/)?tasks\/([^/]+)\/TASK\.md$/,
} as const

/** Reads the files of a package. Nothing of it is looked up, opened or run: a path is a name, and a text is a text. */
export function parsePackage(files: Readonly<Record<string, unknown>>): CompanyPackage {
  const diagnostics: Diagnostics = { warnings: [], errors: [] }
  const texts = Object.entries(files).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  const extension = parseExtension(texts.find(([path]) => path === EXTENSION_PATH)?.[1], diagnostics)
  const parsed = {
    company: null as CompanyEntry | null,
    agents: [] as AgentEntry[],
    projects: [] as ProjectEntry[],
    issues: [] as IssueEntry[],
  }
  let skippedCount = Object.keys(files).length - texts.length
  for (const [path, text] of texts) {
    const [agent, project, issue] = [places.agent, places.project, places.issue].map((pattern) => pattern.exec(path)?.[1])
    if (path === COMPANY_PATH) {
      const { fields, body } = fieldsOf(path, text, extension.company, diagnostics)
      parsed.company = parseEntry(path, companyEntry, { ...fields, description: body ?? fields['description'] }, diagnostics)
    } else if (agent !== undefined) {
      const entry = parseAgent(agent, path, text, extension, diagnostics)
      if (entry !== null) parsed.agents.push(entry)
    } else if (project !== undefined) {
      const { fields, body } = fieldsOf(path, text, extension.projects?.[project], diagnostics)
      const entry = parseEntry(path, projectEntry, { ...fields, name: fields['name'] ?? project, description: body }, diagnostics)
      if (entry !== null) parsed.projects.push({ ...entry, slug: project, path })
    } else if (issue !== undefined) {
      const { fields, body } = fieldsOf(path, text, extension.tasks?.[issue], diagnostics)
      const entry = parseEntry(
        path,
        issueEntry,
        { ...fields, title: fields['title'] ?? fields['name'] ?? issue, description: body },
        diagnostics,
      )
      if (entry !== null) parsed.issues.push({ ...entry, slug: issue, path })
    } else if (path !== EXTENSION_PATH) skippedCount += 1
  }
  if (skippedCount > 0) diagnostics.warnings.push(`${skippedCount} file(s) are of no kind that this server imports and are left out`)
  for (const [kind, entries] of Object.entries({ agents: parsed.agents, projects: parsed.projects, tasks: parsed.issues }))
    for (const [at, entry] of entries.entries())
      if (entries.findIndex((other) => other.slug === entry.slug) !== at)
        diagnostics.errors.push(`${entry.path}: a second one of ${kind} with that name`)
  const inExtensionOrder = <P extends { readonly slug: string }>(
    entries: readonly P[],
    extensionEntriesOfKind: object | undefined,
  ): P[] => {
    const positions = new Map(Object.keys(extensionEntriesOfKind ?? {}).map((key, at) => [key, at]))
    return entries.toSorted((a, b) => (positions.get(a.slug) ?? MAX_FILES) - (positions.get(b.slug) ?? MAX_FILES))
  }
  const labelColors = Object.fromEntries(
    Object.entries(extension.labels ?? {})
      .slice(0, MAX_FILES)
      .filter((entry): entry is [string, string] => createLabelBody.shape.color.safeParse(entry[1]).success)
      .map(([name, color]) => [name.toLowerCase(), color]),
  )
  return {
    company: parsed.company,
    agents: inExtensionOrder(parsed.agents, extension.agents),
    projects: inExtensionOrder(parsed.projects, extension.projects),
    issues: inExtensionOrder(parsed.issues, extension.tasks),
    labelColors,
    ...diagnostics,
  }
}
