import { z } from 'zod'
import { adapterConfigs } from '../../adapters/index.ts'
import { agentRoles } from '../../model/agentStatus.ts'
import { createAgentBody } from '../../org/agents/index.ts'
import { createCompanyBody, patchCompanyBody } from '../../org/companies/index.ts'
import { createGoalBody } from '../../org/goals/index.ts'
import { DEFAULT_ENTRY, problemOfBundle } from '../../org/instructions/index.ts'
import { createLabelBody } from '../../org/labels/index.ts'
import { createProjectBody, createWorkspaceBody } from '../../org/projects/index.ts'
import { containsRedacted } from '../../platform/kernel/redact.ts'
import { documentKey, MAX_DOCUMENTS, putDocumentBody } from '../../work/documents/index.ts'
import { createIssueBody } from '../../work/issues/index.ts'
import { createWorkProductBody, MAX_WORK_PRODUCTS } from '../../work/workProducts/index.ts'
import { coerce, plain } from './coerce.ts'
import { EXTENSION_PATH } from './extension.ts'
import type { Extension } from './extension.ts'
import { MAX_ENTRY_VALUES } from './jsonSize.ts'
import { isPlainScalar } from './yaml.ts'

/** A reference to another entry. */
export const slug = z.string().min(1).max(300)

const companyEntry = z.object({
  ...createCompanyBody.shape,
  brandColor: patchCompanyBody.shape.brandColor,
  requireBoardApprovalForNewAgents: z.boolean().optional(),
})
export type CompanyEntry = z.output<typeof companyEntry>

const agentEntry = z.object({ ...createAgentBody.omit({ reportsTo: true }).shape, reportsTo: slug.nullish() })
export type AgentEntry = z.output<typeof agentEntry> & {
  readonly slug: string
  readonly path: string
  /** Its instructions as files; null where its text is its prompt. */
  readonly instructions: { readonly entryFile: string; readonly files: Readonly<Record<string, string>> } | null
}

const projectEntry = z.object({
  ...createProjectBody.omit({ goalId: true, goalIds: true, leadAgentId: true, workspace: true, archivedAt: true }).shape,
  lead: slug.nullish(),
  goals: z.array(slug).max(50).nullish(),
  workspaces: z.array(createWorkspaceBody).max(50).optional(),
})
export type ProjectEntry = z.output<typeof projectEntry> & { readonly slug: string; readonly path: string }

const goalEntry = z.object({
  ...createGoalBody.omit({ parentId: true, ownerAgentId: true }).shape,
  parent: slug.nullish(),
  owner: slug.nullish(),
})
export type GoalEntry = z.output<typeof goalEntry> & { readonly slug: string; readonly path: string }

const documentEntry = z.object({ key: documentKey, title: putDocumentBody.shape.title, body: putDocumentBody.shape.body })
const workProductEntry = createWorkProductBody.omit({
  projectId: true,
  executionWorkspaceId: true,
  runtimeServiceId: true,
  createdByRunId: true,
})

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
  goal: slug.nullish(),
  documents: z
    .array(documentEntry)
    .max(MAX_DOCUMENTS)
    .refine((documents) => new Set(documents.map(({ key }) => key)).size === documents.length, 'Two documents have the same key')
    .nullish(),
  workProducts: z
    .array(workProductEntry)
    .max(MAX_WORK_PRODUCTS)
    .refine((products) => products.filter(({ isPrimary }) => isPrimary).length <= 1, 'An issue has one primary work product')
    .nullish(),
})
export type IssueEntry = z.output<typeof issueEntry> & { readonly slug: string; readonly path: string }

/** A document of a package: its path, the fields of its head and its text. */
export interface PackageDocument {
  readonly path: string
  readonly head: Readonly<Record<string, unknown>>
  readonly body: string | null
  /** The `slug` of its head, by which others may refer to it. */
  readonly alias: string | null
}

/** The extension file, and the diagnostics that the reader of a package collects. */
export interface ReaderState {
  readonly extension: Extension
  /** The files beside the document of each agent, by its folder and their paths below it. */
  readonly besideAgents: ReadonlyMap<string, Readonly<Record<string, string>>>
  readonly warnings: string[]
  readonly errors: string[]
}

type Fields = Readonly<Record<string, unknown>>

/** Keys that say what a document is. They have been read when its fields are. */
const DESCRIBING_KEYS = new Set(['schema', 'kind', 'slug'])
/** Lists of texts. Redacted places of a text are read, as in a description; in a configuration they would replace a secret. */
const TEXTS = new Set(['documents', 'workProducts'])
/** Names of keys in one warning. */
const MAX_NAMED_KEYS = 50

/** Whether a value has more values than an entry may have. It stops at the limit, and its steps stand in a list. */
function isTooLarge(value: unknown): boolean {
  const left: unknown[] = [value]
  for (let count = 0; left.length > 0; count += 1) {
    if (count + left.length > MAX_ENTRY_VALUES) return true
    const item = left.pop()
    if (typeof item !== 'object' || item === null || isPlainScalar(item)) continue
    for (const key in item) {
      if (left.length > MAX_ENTRY_VALUES) return true
      left.push((item as Fields)[key])
    }
  }
  return false
}

/**
 * The fields of a document and of the extension, without null: an absent field and a null field mean the same. The document goes
 * before the extension. None of an entry with too many values, because each later step would keep the event loop for them.
 */
export function fieldsOf(
  { path, head }: PackageDocument,
  extraFields: Fields | null | undefined,
  { warnings, errors }: ReaderState,
): Fields {
  const fields = { ...extraFields, ...head }
  if (isTooLarge(fields)) {
    errors.push(`${path}: it has more than ${MAX_ENTRY_VALUES} values`)
    return {}
  }
  const presentFields = Object.entries(fields).filter(([key, value]) => {
    const isRedacted = typeof value === 'object' && !TEXTS.has(key) && containsRedacted(plain(value))
    if (isRedacted) warnings.push(`${path}: ${key} contains a redacted secret and is ignored`)
    return value !== null && value !== undefined && !isRedacted && !DESCRIBING_KEYS.has(key)
  })
  return Object.fromEntries(presentFields)
}

/** The fields of the extension for an entry, which may stand under the name of its folder or its slug. */
export const extraOf = (entries: Extension['agents'], key: string, { alias }: PackageDocument): Fields | null =>
  entries?.[key] ?? (alias === null ? null : (entries?.[alias] ?? null))

/** Fields under the names that other writers of packages use, under those of this server, which go first. */
export function renamed(fields: Fields, names: Readonly<Record<string, string>>): Fields {
  const missing = Object.entries(names).filter(([other, own]) => other in fields && !(own in fields))
  const rest = Object.entries(fields).filter(([key]) => !missing.some(([other]) => other === key))
  return Object.fromEntries([...rest, ...missing.map(([other, own]): [string, unknown] => [own, fields[other]])])
}

/** An entry by its schema; null for one that is none, which is an error of the package. */
export function parseEntry<T extends z.ZodObject>(
  path: string,
  schema: T,
  value: Fields,
  { errors, warnings }: ReaderState,
): z.output<T> | null {
  const untaken: string[] = []
  const parsed = schema.safeParse(coerce(schema, value, (key) => void untaken.push(key.slice(0, 100))))
  if (untaken.length > 0) warnings.push(`${path}: this server does not take ${listed(untaken)}`)
  if (parsed.success) return parsed.data
  for (const issue of parsed.error.issues.slice(0, 5)) errors.push(`${path}: ${[...issue.path, issue.message].join(': ')}`)
  return null
}

/** Names in a sentence; of very many, the first and the number of the others. */
export const listed = (names: readonly string[]): string =>
  names.slice(0, MAX_NAMED_KEYS).join(', ') + (names.length > MAX_NAMED_KEYS ? ` and ${names.length - MAX_NAMED_KEYS} more` : '')

/** The description of an entry: the text of its document, or the field when there is no text. */
export function described(fields: Fields, { path, body }: PackageDocument, { warnings }: ReaderState): Fields {
  if (body === null) return fields
  if (fields['description'] !== undefined) warnings.push(`${path}: the text is the description, and description in the head is ignored`)
  return { ...fields, description: body }
}

/** Reads the document of the company. */
export function parseCompany(file: PackageDocument, state: ReaderState): CompanyEntry | null {
  return parseEntry(file.path, companyEntry, described(fieldsOf(file, state.extension.company, state), file, state), state)
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The adapter of an agent, which may stand as `adapter: {type, config}`, and its settings as its fields are. */
function adapterOf(path: string, fields: Fields, { warnings }: ReaderState): Fields {
  const { adapter, ...rest } = fields
  const { type, config, ...others } = isFields(adapter) ? adapter : { type: adapter }
  for (const key of Object.keys(others)) warnings.push(`${path}: this server does not take adapter.${key}`)
  const named = { adapterType: type, adapterConfig: config, ...rest }
  const adapterType = createAgentBody.shape.adapterType.safeParse(plain(named.adapterType))
  const settings = named.adapterConfig ?? undefined
  if (!adapterType.success) warnings.push(`${path}: the adapter is unknown to this server and becomes process, without its configuration`)
  if (!adapterType.success) return { ...named, adapterType: 'process', adapterConfig: undefined }
  const schema = adapterConfigs[adapterType.data ?? 'process']
  // Settings that this server does not know are kept, as in every agent.
  const own = isFields(settings) ? { ...(plain(settings) as Fields), ...(coerce(schema, settings, () => undefined) as Fields) } : settings
  return { ...named, adapterType: adapterType.data, adapterConfig: own }
}

/** The names of `inputs.env`, which are variables that the importing person supplies. */
function noteInputs(path: string, fields: Fields, { warnings }: ReaderState): Fields {
  const { inputs, ...rest } = fields
  if (!isFields(inputs)) return fields
  const { env, ...others } = inputs
  const names = isFields(env) ? Object.keys(env) : []
  if (names.length > 0) warnings.push(`${path}: set ${listed(names)} in the environment of this agent after the import`)
  return Object.keys(others).length === 0 ? rest : { ...rest, inputs: others }
}

const knownRoles = new Set<unknown>(agentRoles)

/** Reads the document of an agent. */
export function parseAgent(key: string, file: PackageDocument, state: ReaderState): AgentEntry | null {
  const { path, body } = file
  const extra = extraOf(state.extension.agents, key, file)
  const { instructions, ...merged } = renamed(fieldsOf(file, extra, state), { runtime: 'runtimeConfig', skills: 'desiredSkills' })
  const bundle = instructionsOf(file, instructions, state.besideAgents.get(key) ?? {}, state)
  const fields = adapterOf(path, noteInputs(path, merged, state), state)
  const role = plain(fields['role'])
  const hasRole = role === undefined || knownRoles.has(role)
  if (!hasRole) state.warnings.push(`${path}: the role is unknown to this server and becomes general`)
  const config = fields['adapterConfig']
  const input = {
    ...fields,
    name: fields['name'] ?? key,
    role: hasRole ? role : 'general',
    adapterConfig: body === null || bundle !== null ? config : { ...(config as object | undefined), promptTemplate: body },
  }
  const entry = parseEntry(path, agentEntry, input, state)
  return entry === null ? null : { ...entry, ...shortSkills(entry), slug: key, path, instructions: bundle }
}

/** The names of skills, which other programs write with the repository before them. */
const shortSkills = ({ desiredSkills }: z.output<typeof agentEntry>): Pick<AgentEntry, 'desiredSkills'> =>
  desiredSkills === undefined ? {} : { desiredSkills: desiredSkills.map((name) => name.split('/').at(-1) ?? name) }

/** The instructions of an agent: its text and the files beside it. Without such files, and without a word in the extension, the text is its prompt. */
function instructionsOf(
  { path, body }: PackageDocument,
  named: unknown,
  beside: Readonly<Record<string, string>>,
  { errors }: ReaderState,
): AgentEntry['instructions'] {
  if (!isFields(named) && Object.keys(beside).length === 0) return null
  const given = isFields(named) ? plain(named['entryFile']) : undefined
  const entryFile = typeof given === 'string' ? given : DEFAULT_ENTRY
  const own = body === null && entryFile !== DEFAULT_ENTRY ? {} : { [DEFAULT_ENTRY]: body ?? '' }
  const files = { ...own, ...beside }
  const problem =
    problemOfBundle(files) ?? (entryFile in files ? null : `instructions.entryFile: there is no file ${entryFile.slice(0, 100)}`)
  if (problem !== null) errors.push(`${path}: ${problem}`)
  return { entryFile, files }
}

/** Reads the document of a project. */
export function parseProject(key: string, file: PackageDocument, state: ReaderState): ProjectEntry | null {
  const extra = extraOf(state.extension.projects, key, file)
  const fields = described(renamed(fieldsOf(file, extra, state), { owner: 'lead' }), file, state)
  const entry = parseEntry(file.path, projectEntry, { ...fields, name: fields['name'] ?? key }, state)
  return entry === null ? null : { ...entry, slug: key, path: file.path }
}

/** Reads the document of an issue. @param folder the project in whose folder it is; null outside of projects */
export function parseIssue(key: string, file: PackageDocument, folder: string | null, state: ReaderState): IssueEntry | null {
  const extra = extraOf(state.extension.tasks, key, file)
  const fields = described(renamed(fieldsOf(file, extra, state), { name: 'title' }), file, state)
  const input = { ...fields, title: fields['title'] ?? key, project: fields['project'] ?? folder }
  const entry = parseEntry(file.path, issueEntry, input, state)
  return entry === null ? null : { ...entry, slug: key, path: file.path }
}

/** Reads a goal, which has no document: all of it stands in the extension. */
export function parseGoal(key: string, fields: Fields | null, state: ReaderState): GoalEntry | null {
  const path = `${EXTENSION_PATH}: goals.${key.slice(0, 100)}`
  const file: PackageDocument = { path, head: {}, body: null, alias: null }
  const entry = parseEntry(path, goalEntry, { title: key, ...fieldsOf(file, fields, state) }, state)
  return entry === null ? null : { ...entry, slug: key, path }
}
