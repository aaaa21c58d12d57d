import { draftsOf } from '../../org/skills/index.ts'
import type { SkillDraft } from '../../org/skills/index.ts'
import { createTurns } from '../../platform/kernel/turns.ts'
import { listed, parseAgent, parseCompany, parseGoal, parseIssue, parseProject } from './entries.ts'
import type { AgentEntry, CompanyEntry, GoalEntry, IssueEntry, PackageDocument, ProjectEntry, ReaderState } from './entries.ts'
import { EXTENSION_PATH, labelColorsOf, parseExtension, untakenKeys } from './extension.ts'
import { isRecurring, parseRoutine } from './routineEntries.ts'
import type { RoutineEntry } from './routineEntries.ts'
import { splitFrontMatter } from './frontMatter.ts'
import { MAX_FILES, MAX_PACKAGE_TRIGGERS, WEIGHTS } from './limits.ts'
import { createResolver } from './references.ts'
import { createYamlBudget, isPlainScalar, readHead } from './yaml.ts'
import type { YamlBudget } from './yaml.ts'

export const COMPANY_PATH = 'COMPANY.md'

export const agentPath = (slug: string): string => `agents/${slug}/AGENTS.md`
export const projectPath = (slug: string): string => `projects/${slug}/PROJECT.md`
export const skillPath = (slug: string, file: string): string => `skills/${slug}/${file}`
/** A file of the instructions of an agent, beside its document. */
export const instructionPath = (slug: string, file: string): string => `agents/${slug}/${file}`
export const issuePath = (slug: string): string => `tasks/${slug}/TASK.md`

/** A package as it was read. Its entries are valid by the schemas of the API. */
export interface CompanyPackage {
  readonly company: CompanyEntry | null
  readonly agents: readonly AgentEntry[]
  readonly projects: readonly ProjectEntry[]
  readonly issues: readonly IssueEntry[]
  readonly goals: readonly GoalEntry[]
  readonly routines: readonly RoutineEntry[]
  readonly skills: readonly SkillDraft[]
  /** Colours of labels by name in lower case. */
  readonly labelColors: Readonly<Record<string, string>>
  readonly warnings: readonly string[]
  readonly errors: readonly string[]
}

const pathPatterns = {
  agent: /^agents\/([^/]+)\/AGENTS\.md$/,
  project: /^projects\/([^/]+)\/PROJECT\.md$/,
  issue: /^(?:projects\/([^/]+)\/)?tasks\/([^/]+)\/TASK\.md$/,
} as const

const isDocumentPath = (path: string): boolean => path === COMPANY_PATH || Object.values(pathPatterns).some((pattern) => pattern.test(path))

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isPlainScalar(value)

async function readDocument(path: string, text: string, budget: YamlBudget, errors: string[]): Promise<PackageDocument> {
  const { head, body } = splitFrontMatter(text)
  const read = head === null ? null : await readHead(head, budget)
  if (read !== null && read.problem !== null) errors.push(`${path}: its head cannot be read as YAML: ${read.problem}`)
  const value = read?.problem === null ? (read.value ?? {}) : {}
  if (!isFields(value)) errors.push(`${path}: its head must be a map of fields`)
  const fields = isFields(value) ? value : {}
  const slug = fields['slug']
  const alias = isPlainScalar(slug) ? slug.source : typeof slug === 'string' ? slug : null
  return { path, head: fields, body: body === '' ? null : body, alias }
}

/** The `slug` in the head of a document, by the document's path. */
type Aliases = ReadonlyMap<string, string | null>

interface ParsedEntries {
  company: CompanyEntry | null
  readonly agents: AgentEntry[]
  readonly projects: ProjectEntry[]
  readonly issues: IssueEntry[]
  readonly goals: GoalEntry[]
  readonly routines: RoutineEntry[]
}

const pushIfValid = <T>(entries: T[], entry: T | null): void => {
  if (entry !== null) entries.push(entry)
}

/** Reads one document into the entries. */
function parseDocument(file: PackageDocument, state: ReaderState, parsed: ParsedEntries): void {
  const { path } = file
  const agent = pathPatterns.agent.exec(path)?.[1]
  const project = pathPatterns.project.exec(path)?.[1]
  const [, folder = null, issue] = pathPatterns.issue.exec(path) ?? []
  if (path === COMPANY_PATH) parsed.company = parseCompany(file, state)
  else if (agent !== undefined) pushIfValid(parsed.agents, parseAgent(agent, file, state))
  else if (project !== undefined) pushIfValid(parsed.projects, parseProject(project, file, state))
  else if (issue !== undefined && isRecurring(issue, file, state)) pushIfValid(parsed.routines, parseRoutine(issue, file, folder, state))
  else if (issue !== undefined) pushIfValid(parsed.issues, parseIssue(issue, file, folder, state))
}

function reportDuplicates(kind: string, entries: readonly { readonly slug: string; readonly path: string }[], errors: string[]): void {
  const slugs = new Set<string>()
  for (const { slug, path } of entries) {
    if (slugs.has(slug)) errors.push(`${path}: another entry of ${kind} has the same name`)
    slugs.add(slug)
  }
}

/** Sorts entries by their position in the extension file; files have no order. Entries without a position come last. */
function inExtensionOrder<P extends { readonly slug: string; readonly path: string }>(
  entries: readonly P[],
  extensionEntriesOfKind: object | null | undefined,
  aliases: Aliases,
): P[] {
  const positions = new Map(Object.keys(extensionEntriesOfKind ?? {}).map((key, index) => [key, index]))
  const positionOf = ({ slug, path }: P): number => positions.get(slug) ?? positions.get(aliases.get(path) ?? '') ?? MAX_FILES
  return entries.toSorted((a, b) => positionOf(a) - positionOf(b))
}

/** The entries with their references as slugs, whichever way they were written. */
function linked({ agents, projects, issues, goals, routines }: ParsedEntries, aliases: Aliases) {
  const resolverOf = (entries: readonly { readonly slug: string; readonly path: string }[]) => {
    const resolve = createResolver(entries.map(({ slug, path }) => ({ slug, path, alias: aliases.get(path) ?? null })))
    return <T extends string | null | undefined>(reference: T, from: string): T | string =>
      reference ? resolve(reference, from) : reference
  }
  const [agentOf, projectOf, issueOf] = [resolverOf(agents), resolverOf(projects), resolverOf(issues)]
  return {
    agents: agents.map((entry) => ({ ...entry, reportsTo: agentOf(entry.reportsTo, entry.path) })),
    projects: projects.map((entry) => ({ ...entry, lead: agentOf(entry.lead, entry.path) })),
    issues: issues.map((entry) => ({
      ...entry,
      project: projectOf(entry.project, entry.path),
      assignee: agentOf(entry.assignee, entry.path),
      parent: issueOf(entry.parent, entry.path),
      blockedBy: entry.blockedBy?.map((reference) => issueOf(reference, entry.path)),
    })),
    goals: goals.map((entry) => ({ ...entry, owner: agentOf(entry.owner, entry.path) })),
    routines: routines.map((entry) => ({
      ...entry,
      project: projectOf(entry.project, entry.path),
      assignee: agentOf(entry.assignee, entry.path),
      parent: issueOf(entry.parent, entry.path),
    })),
  }
}

/** Names the keys of the extension and of the files of which nothing is made. */
function warnUntaken(
  files: Readonly<Record<string, unknown>>,
  parsed: ParsedEntries,
  aliases: Aliases,
  { extension, warnings }: ReaderState,
): void {
  const slugsOf = (entries: readonly { readonly slug: string; readonly path: string }[]): Set<string> =>
    new Set(entries.flatMap(({ slug, path }) => [slug, aliases.get(path) ?? slug]))
  const slugs = {
    agents: slugsOf(parsed.agents),
    projects: slugsOf(parsed.projects),
    tasks: slugsOf(parsed.issues),
    routines: slugsOf(parsed.routines),
  }
  const untaken = untakenKeys(extension, slugs)
  if (untaken.length > 0) warnings.push(`${EXTENSION_PATH}: this server does not take ${listed(untaken)}`)
  const agents = new Set(parsed.agents.map(({ slug }) => slug))
  const isTaken = (path: string): boolean =>
    isDocumentPath(path) || path === EXTENSION_PATH || path.startsWith(SKILLS) || agents.has(besideAgent.exec(path)?.[1] ?? '')
  const skipped = Object.entries(files).filter(([path, text]) => !(typeof text === 'string' && isTaken(path)))
  if (skipped.length > 0)
    warnings.push(
      `${skipped.length} file(s) of a kind that this server does not import are ignored: ${listed(skipped.map(([path]) => path.slice(0, 100)))}`,
    )
}

/** The folder with a folder for each skill. */
const SKILLS = 'skills/'
/** A file beside the document of an agent. */
const besideAgent = /^agents\/([^/]+)\/(?!AGENTS\.md$)(.+)$/

const filesBelowSkills = (texts: readonly (readonly [string, string])[]): Record<string, string> =>
  Object.fromEntries(texts.flatMap(([path, text]) => (path.startsWith(SKILLS) ? [[path.slice(SKILLS.length), text]] : [])))

function filesBesideAgents(texts: readonly (readonly [string, string])[]): Map<string, Record<string, string>> {
  const beside = new Map<string, Record<string, string>>()
  for (const [path, text] of texts) {
    const [, slug, file] = besideAgent.exec(path) ?? []
    if (slug === undefined || file === undefined) continue
    const files = beside.get(slug) ?? {}
    files[file] = text
    beside.set(slug, files)
  }
  return beside
}

/** Reads the files of a package. It opens and runs nothing: a path is only a name here. Between files others have their turn. */
export async function parsePackage(files: Readonly<Record<string, unknown>>): Promise<CompanyPackage> {
  const turns = createTurns()
  const budget = createYamlBudget()
  const texts = Object.entries(files).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  const errors: string[] = []
  const extension = await parseExtension(texts.find(([path]) => path === EXTENSION_PATH)?.[1], budget, errors)
  const { drafts, warnings } = draftsOf(filesBelowSkills(texts))
  const state: ReaderState = { extension, besideAgents: filesBesideAgents(texts), warnings: [...warnings], errors }
  await turns.yieldIfDue()
  const parsed: ParsedEntries = { company: null, agents: [], projects: [], issues: [], goals: [], routines: [] }
  const aliases = new Map<string, string | null>()
  for (const [path, text] of texts.filter(([name]) => isDocumentPath(name))) {
    const file = await readDocument(path, text, budget, errors)
    aliases.set(path, file.alias)
    parseDocument(file, state, parsed)
    await turns.yieldIfDue()
  }
  const goalFields = Object.entries(extension.goals ?? {})
  if (goalFields.length > MAX_FILES) errors.push(`${EXTENSION_PATH}: a package has at most ${MAX_FILES} goals`)
  for (const [key, fields] of goalFields.slice(0, MAX_FILES)) pushIfValid(parsed.goals, parseGoal(key, fields, state))
  warnUntaken(files, parsed, aliases, state)
  reportDuplicates('agents', parsed.agents, errors)
  reportDuplicates('projects', parsed.projects, errors)
  reportDuplicates('tasks', [...parsed.issues, ...parsed.routines], errors)
  const triggers = parsed.routines.reduce((sum, routine) => sum + routine.triggers.length, 0)
  if (triggers > MAX_PACKAGE_TRIGGERS) errors.push(`A package has at most ${MAX_PACKAGE_TRIGGERS} triggers of routines`)
  const { agents, projects, issues, goals, routines } = linked(parsed, aliases)
  return {
    company: parsed.company,
    agents: inExtensionOrder(agents, extension.agents, aliases),
    projects: inExtensionOrder(projects, extension.projects, aliases),
    issues: inExtensionOrder(issues, extension.tasks, aliases),
    goals,
    routines: inExtensionOrder(routines, extension.routines, aliases),
    skills: drafts,
    labelColors: labelColorsOf(extension),
    warnings: state.warnings,
    errors,
  }
}

const lengthOf = (lists: readonly (readonly unknown[] | null | undefined)[]): number =>
  lists.reduce((sum, list) => sum + (list?.length ?? 0), 0)

/** The rows that an import writes in addition to one for each entry, by weight: goals of projects, blockers and labels of issues, and what `WEIGHTS` names. */
export const countRelations = ({ projects, issues }: Pick<CompanyPackage, 'projects' | 'issues'>): number =>
  lengthOf([...projects.map(({ goals }) => goals), ...issues.flatMap(({ blockedBy, labels }) => [blockedBy, labels])]) +
  WEIGHTS.workspaces * lengthOf(projects.map(({ workspaces }) => workspaces)) +
  WEIGHTS.documents * lengthOf(issues.map(({ documents }) => documents)) +
  WEIGHTS.workProducts * lengthOf(issues.map(({ workProducts }) => workProducts))
