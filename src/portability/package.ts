import { z } from 'zod'
import { createAgentBody } from '../agents/index.ts'
import { agentRoles } from '../agents/status.ts'
import { createCompanyBody, patchCompanyBody } from '../companies/index.ts'
import { createIssueBody } from '../issues/index.ts'
import { createLabelBody } from '../labels/index.ts'
import { createProjectBody, createWorkspaceBody } from '../projects/index.ts'
import { holdsRedacted } from '../kernel/redact.ts'
import { readDocument } from './document.ts'
import { MOST_FILES } from './limits.ts'

/** Where what the text of a package cannot carry stands. JSON, which is YAML too. */
export const EXTENSION = '.paperclip.yaml'
export const COMPANY = 'COMPANY.md'
export const SCHEMA = 'paperclip-server/v1'

export const agentPath = (slug: string): string => `agents/${slug}/AGENTS.md`
export const projectPath = (slug: string): string => `projects/${slug}/PROJECT.md`
export const issuePath = (slug: string): string => `tasks/${slug}/TASK.md`

const slug = z.string().min(1).max(300)

const companyPart = z.object({
  ...createCompanyBody.shape,
  brandColor: patchCompanyBody.shape.brandColor,
  requireBoardApprovalForNewAgents: z.boolean().optional(),
})
export type CompanyPart = z.output<typeof companyPart>

const agentPart = z.object({ ...createAgentBody.omit({ reportsTo: true }).shape, reportsTo: slug.nullish() })
export type AgentPart = z.output<typeof agentPart> & { readonly slug: string; readonly path: string }

const projectPart = z.object({
  ...createProjectBody.omit({ goalId: true, goalIds: true, leadAgentId: true, workspace: true, archivedAt: true }).shape,
  lead: slug.nullish(),
  workspaces: z.array(createWorkspaceBody).max(50).optional(),
})
export type ProjectPart = z.output<typeof projectPart> & { readonly slug: string; readonly path: string }

const { title, description, priority, billingCode, status } = createIssueBody.shape
const issuePart = z.object({
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
export type IssuePart = z.output<typeof issuePart> & { readonly slug: string; readonly path: string }

/** A package as it was read; what is in it fits the bodies of the API. */
export interface Package {
  readonly company: CompanyPart | null
  readonly agents: readonly AgentPart[]
  readonly projects: readonly ProjectPart[]
  readonly issues: readonly IssuePart[]
  /** Colours of labels by name. */
  readonly labelColors: Readonly<Record<string, string>>
  readonly warnings: readonly string[]
  readonly errors: readonly string[]
}

const json = z.record(z.string(), z.unknown())
const rests = z.record(z.string(), json).optional()
const extensionForm = z.object({
  company: json.optional(),
  agents: rests,
  projects: rests,
  tasks: rests,
  labels: z.record(z.string(), z.unknown()).optional(),
})
type Extension = z.output<typeof extensionForm>

interface Notes {
  readonly warnings: string[]
  readonly errors: string[]
}

function readExtension(text: string | undefined, notes: Notes): Extension {
  if (text === undefined) return {}
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = null
  }
  const parsed = extensionForm.safeParse(value)
  if (parsed.success) return parsed.data
  notes.warnings.push(`${EXTENSION} is not in the form this server writes; what it says is left out`)
  return {}
}

/** Fields of a document and of the extension, without what is null: an absent field and an empty one say the same. */
function fieldsOf(path: string, text: string, rest: Readonly<Record<string, unknown>> | undefined, notes: Notes) {
  const { fields, body, unread } = readDocument(text)
  if (unread.length > 0) notes.warnings.push(`${path}: ${unread.length} line(s) of the head are not understood and left out`)
  const given = Object.entries({ ...rest, ...fields }).filter(([key, value]) => {
    const isCovered = typeof value === 'object' && holdsRedacted(value)
    if (isCovered) notes.warnings.push(`${path}: ${key} holds a covered secret and is left out`)
    return value !== null && !isCovered
  })
  return { fields: Object.fromEntries(given), body: body === '' ? null : body }
}

function read<T>(path: string, schema: z.ZodType<T>, value: unknown, notes: Notes): T | null {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  for (const issue of parsed.error.issues.slice(0, 5)) notes.errors.push(`${path}: ${[...issue.path, issue.message].join(': ')}`)
  return null
}

const known = new Set<unknown>(agentRoles)

function readAgent(key: string, path: string, text: string, rest: Extension, notes: Notes): AgentPart | null {
  const { fields, body } = fieldsOf(path, text, rest.agents?.[key], notes)
  const { role, adapterType, adapterConfig } = fields
  const hasRole = role === undefined || known.has(role)
  if (!hasRole) notes.warnings.push(`${path}: the role is not known here, so it becomes general`)
  const hasAdapter = createAgentBody.shape.adapterType.safeParse(adapterType).success
  if (!hasAdapter) notes.warnings.push(`${path}: the adapter is not known here, so it becomes process, without its configuration`)
  const config = hasAdapter ? adapterConfig : undefined
  const told = {
    ...fields,
    name: fields['name'] ?? key,
    role: hasRole ? role : 'general',
    adapterType: hasAdapter ? adapterType : 'process',
    adapterConfig: body === null ? config : { ...(config as object | undefined), promptTemplate: body },
  }
  const part = read(path, agentPart, told, notes)
  return part === null ? null : { ...part, slug: key, path }
}

const places = {
  agent: /^agents\/([^/]+)\/AGENTS\.md$/,
  project: /^projects\/([^/]+)\/PROJECT\.md$/,
  issue: /^(?:projects\/[^/]+\/)?tasks\/([^/]+)\/TASK\.md$/,
} as const

/** Reads the files of a package. Nothing of it is looked up, opened or run: a path is a name, and a text is a text. */
export function readPackage(files: Readonly<Record<string, unknown>>): Package {
  const notes: Notes = { warnings: [], errors: [] }
  const texts = Object.entries(files).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  const extension = readExtension(texts.find(([path]) => path === EXTENSION)?.[1], notes)
  const found = { company: null as CompanyPart | null, agents: [] as AgentPart[], projects: [] as ProjectPart[], issues: [] as IssuePart[] }
  let passedOver = Object.keys(files).length - texts.length
  for (const [path, text] of texts) {
    const [agent, project, issue] = [places.agent, places.project, places.issue].map((place) => place.exec(path)?.[1])
    if (path === COMPANY) {
      const { fields, body } = fieldsOf(path, text, extension.company, notes)
      found.company = read(path, companyPart, { ...fields, description: body ?? fields['description'] }, notes)
    } else if (agent !== undefined) {
      const part = readAgent(agent, path, text, extension, notes)
      if (part !== null) found.agents.push(part)
    } else if (project !== undefined) {
      const { fields, body } = fieldsOf(path, text, extension.projects?.[project], notes)
      const part = read(path, projectPart, { ...fields, name: fields['name'] ?? project, description: body }, notes)
      if (part !== null) found.projects.push({ ...part, slug: project, path })
    } else if (issue !== undefined) {
      const { fields, body } = fieldsOf(path, text, extension.tasks?.[issue], notes)
      const part = read(path, issuePart, { ...fields, title: fields['title'] ?? fields['name'] ?? issue, description: body }, notes)
      if (part !== null) found.issues.push({ ...part, slug: issue, path })
    } else if (path !== EXTENSION) passedOver += 1
  }
  if (passedOver > 0) notes.warnings.push(`${passedOver} file(s) are of no kind that this server imports and are left out`)
  for (const [kind, parts] of Object.entries({ agents: found.agents, projects: found.projects, tasks: found.issues }))
    for (const [at, part] of parts.entries())
      if (parts.findIndex((other) => other.slug === part.slug) !== at)
        notes.errors.push(`${part.path}: a second one of ${kind} with that name`)
  const inOrder = <P extends { readonly slug: string }>(parts: readonly P[], rests: object | undefined): P[] => {
    const places = new Map(Object.keys(rests ?? {}).map((key, at) => [key, at]))
    return parts.toSorted((a, b) => (places.get(a.slug) ?? MOST_FILES) - (places.get(b.slug) ?? MOST_FILES))
  }
  const labelColors = Object.fromEntries(
    Object.entries(extension.labels ?? {})
      .slice(0, MOST_FILES)
      .filter((entry): entry is [string, string] => createLabelBody.shape.color.safeParse(entry[1]).success)
      .map(([name, color]) => [name.toLowerCase(), color]),
  )
  return {
    company: found.company,
    agents: inOrder(found.agents, extension.agents),
    projects: inOrder(found.projects, extension.projects),
    issues: inOrder(found.issues, extension.tasks),
    labelColors,
    ...notes,
  }
}
