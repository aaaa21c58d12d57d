import { z } from 'zod'
import { createAgentBody } from '../../org/agents/index.ts'
import { agentRoles } from '../../model/agentStatus.ts'
import { createCompanyBody, patchCompanyBody } from '../../org/companies/index.ts'
import { createIssueBody } from '../../work/issues/index.ts'
import { createLabelBody } from '../../org/labels/index.ts'
import { createProjectBody, createWorkspaceBody } from '../../org/projects/index.ts'
import { containsRedacted } from '../../platform/kernel/redact.ts'
import { createTurns } from '../../platform/kernel/turns.ts'
import { parseFrontMatter } from './frontMatter.ts'
import { MAX_FILES } from './limits.ts'

/** The file with the fields that front matter does not have. It is JSON, which is also YAML. */
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

/** A package as it was read. Its entries are valid by the schemas of the API. */
export interface CompanyPackage {
  readonly company: CompanyEntry | null
  readonly agents: readonly AgentEntry[]
  readonly projects: readonly ProjectEntry[]
  readonly issues: readonly IssueEntry[]
  /** Colours of labels by name in lower case. */
  readonly labelColors: Readonly<Record<string, string>>
  readonly warnings: readonly string[]
  readonly errors: readonly string[]
}

type Fields = Readonly<Record<string, unknown>>

/** The fields of entries that their documents do not have, by kind and by slug. */
interface Extension {
  readonly company?: Fields
  readonly agents?: Readonly<Record<string, Fields>>
  readonly projects?: Readonly<Record<string, Fields>>
  readonly tasks?: Readonly<Record<string, Fields>>
  readonly labels?: Fields
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
const isAbsentOr = (value: unknown, fits: (present: unknown) => boolean): boolean => value === undefined || fits(value)
const isEntries = (value: unknown): boolean => isFields(value) && Object.values(value).every(isFields)

// Not a schema: it would copy a hundred thousand entries, of which only those that have a document are read and validated.
const isExtension = (value: unknown): value is Extension =>
  isFields(value) &&
  isAbsentOr(value['company'], isFields) &&
  isAbsentOr(value['labels'], isFields) &&
  [value['agents'], value['projects'], value['tasks']].every((entries) => isAbsentOr(entries, isEntries))

/** The extension file, and the diagnostics that the reader of a package collects. */
interface ReaderState {
  readonly extension: Extension
  readonly warnings: string[]
  readonly errors: string[]
}

/** Reads the extension file. A file in another format gives a warning and is ignored. */
function parseExtension(text: string | undefined, warnings: string[]): Extension {
  if (text === undefined) return {}
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = null
  }
  if (isExtension(value)) return value
  warnings.push(`${EXTENSION_PATH} is not in the form this server writes; it is ignored`)
  return {}
}

/** A file of a package. */
interface PackageFile {
  readonly path: string
  readonly text: string
}

/** The fields of a document and of the extension, without null: an absent field and a null field mean the same. */
function fieldsOf({ path, text }: PackageFile, extraFields: Readonly<Record<string, unknown>> | undefined, { warnings }: ReaderState) {
  const { fields, body, unread } = parseFrontMatter(text)
  if (unread.length > 0) warnings.push(`${path}: ${unread.length} line(s) of the head cannot be read and are ignored`)
  const presentFields = Object.entries({ ...extraFields, ...fields }).filter(([key, value]) => {
    const isRedacted = typeof value === 'object' && containsRedacted(value)
    if (isRedacted) warnings.push(`${path}: ${key} contains a redacted secret and is ignored`)
    return value !== null && !isRedacted
  })
  return { fields: Object.fromEntries(presentFields), body: body === '' ? null : body }
}

function parseEntry<T>(path: string, schema: z.ZodType<T>, value: unknown, { errors }: ReaderState): T | null {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  for (const issue of parsed.error.issues.slice(0, 5)) errors.push(`${path}: ${[...issue.path, issue.message].join(': ')}`)
  return null
}

function parseCompany(file: PackageFile, state: ReaderState): CompanyEntry | null {
  const { fields, body } = fieldsOf(file, state.extension.company, state)
  return parseEntry(file.path, companyEntry, { ...fields, description: body ?? fields['description'] }, state)
}

const knownRoles = new Set<unknown>(agentRoles)

function parseAgent(key: string, file: PackageFile, state: ReaderState): AgentEntry | null {
  const { path } = file
  const { fields, body } = fieldsOf(file, state.extension.agents?.[key], state)
  const { role, adapterType, adapterConfig } = fields
  const hasRole = role === undefined || knownRoles.has(role)
  if (!hasRole) state.warnings.push(`${path}: the role is unknown to this server and becomes general`)
  const hasAdapter = createAgentBody.shape.adapterType.safeParse(adapterType).success
  if (!hasAdapter) state.warnings.push(`${path}: the adapter is unknown to this server and becomes process, without its configuration`)
  const config = hasAdapter ? adapterConfig : undefined
  const input = {
    ...fields,
    name: fields['name'] ?? key,
    role: hasRole ? role : 'general',
    adapterType: hasAdapter ? adapterType : 'process',
    adapterConfig: body === null ? config : { ...(config as object | undefined), promptTemplate: body },
  }
  const entry = parseEntry(path, agentEntry, input, state)
  return entry === null ? null : { ...entry, slug: key, path }
}

function parseProject(key: string, file: PackageFile, state: ReaderState): ProjectEntry | null {
  const { fields, body } = fieldsOf(file, state.extension.projects?.[key], state)
  const entry = parseEntry(file.path, projectEntry, { ...fields, name: fields['name'] ?? key, description: body }, state)
  return entry === null ? null : { ...entry, slug: key, path: file.path }
}

function parseIssue(key: string, file: PackageFile, state: ReaderState): IssueEntry | null {
  const { fields, body } = fieldsOf(file, state.extension.tasks?.[key], state)
  const input = { ...fields, title: fields['title'] ?? fields['name'] ?? key, description: body }
  const entry = parseEntry(file.path, issueEntry, input, state)
  return entry === null ? null : { ...entry, slug: key, path: file.path }
}

const pathPatterns = {
  agent: /^agents\/([^/]+)\/AGENTS\.md$/,
  project: /^projects\/([^/]+)\/PROJECT\.md$/,
  issue: /^(?:projects\/[^/]+\/)?tasks\/([^/]+)\/TASK\.md$/,
} as const

interface ParsedEntries {
  company: CompanyEntry | null
  readonly agents: AgentEntry[]
  readonly projects: ProjectEntry[]
  readonly issues: IssueEntry[]
}

const pushIfValid = <T>(entries: T[], entry: T | null): void => {
  if (entry !== null) entries.push(entry)
}

/** Reads one file into the entries. @returns whether the file is of a kind that this server imports */
function parseFile(file: PackageFile, state: ReaderState, parsed: ParsedEntries): boolean {
  const { path } = file
  const keyIn = (pattern: RegExp): string | undefined => pattern.exec(path)?.[1]
  const [agent, project, issue] = [keyIn(pathPatterns.agent), keyIn(pathPatterns.project), keyIn(pathPatterns.issue)]
  if (path === COMPANY_PATH) parsed.company = parseCompany(file, state)
  else if (agent !== undefined) pushIfValid(parsed.agents, parseAgent(agent, file, state))
  else if (project !== undefined) pushIfValid(parsed.projects, parseProject(project, file, state))
  else if (issue !== undefined) pushIfValid(parsed.issues, parseIssue(issue, file, state))
  else return path === EXTENSION_PATH
  return true
}

function reportDuplicates(kind: string, entries: readonly { readonly slug: string; readonly path: string }[], errors: string[]): void {
  const slugs = new Set<string>()
  for (const { slug, path } of entries) {
    if (slugs.has(slug)) errors.push(`${path}: another entry of ${kind} has the same name`)
    slugs.add(slug)
  }
}

/** Sorts entries by their position in the extension file; files have no order. Entries without a position come last. */
function inExtensionOrder<P extends { readonly slug: string }>(entries: readonly P[], extensionEntriesOfKind: object | undefined): P[] {
  const positions = new Map(Object.keys(extensionEntriesOfKind ?? {}).map((key, index) => [key, index]))
  return entries.toSorted((a, b) => (positions.get(a.slug) ?? MAX_FILES) - (positions.get(b.slug) ?? MAX_FILES))
}

const labelColorsOf = (extension: Extension): Record<string, string> =>
  Object.fromEntries(
    Object.entries(extension.labels ?? {})
      .slice(0, MAX_FILES)
      .filter((entry): entry is [string, string] => createLabelBody.shape.color.safeParse(entry[1]).success)
      .map(([name, color]) => [name.toLowerCase(), color]),
  )

/** Reads the files of a package. It opens and runs nothing: a path is only a name here. Between files others have their turn. */
export async function parsePackage(files: Readonly<Record<string, unknown>>): Promise<CompanyPackage> {
  const turns = createTurns()
  const texts = Object.entries(files).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  const warnings: string[] = []
  const errors: string[] = []
  const extension = parseExtension(texts.find(([path]) => path === EXTENSION_PATH)?.[1], warnings)
  const state: ReaderState = { extension, warnings, errors }
  const parsed: ParsedEntries = { company: null, agents: [], projects: [], issues: [] }
  let importedCount = 0
  for (const [path, text] of texts) {
    if (parseFile({ path, text }, state, parsed)) importedCount += 1
    await turns.yieldIfDue()
  }
  const skippedCount = Object.keys(files).length - importedCount
  if (skippedCount > 0) warnings.push(`${skippedCount} file(s) of a kind that this server does not import are ignored`)
  reportDuplicates('agents', parsed.agents, errors)
  reportDuplicates('projects', parsed.projects, errors)
  reportDuplicates('tasks', parsed.issues, errors)
  return {
    company: parsed.company,
    agents: inExtensionOrder(parsed.agents, extension.agents),
    projects: inExtensionOrder(parsed.projects, extension.projects),
    issues: inExtensionOrder(parsed.issues, extension.tasks),
    labelColors: labelColorsOf(extension),
    warnings,
    errors,
  }
}

/** The rows that an import writes in addition to one for each entry: blockers, labels of issues, workspaces. */
export const countRelations = ({ projects, issues }: Pick<CompanyPackage, 'projects' | 'issues'>): number =>
  [...projects.map(({ workspaces }) => workspaces), ...issues.flatMap(({ blockedBy, labels }) => [blockedBy, labels])].reduce(
    (sum, list) => sum + (list?.length ?? 0),
    0,
  )
