import { fieldProblems } from '../../adapters/index.ts'
import { nameKeyOf, namesOf, takeName, urlKeyOf } from '../../org/agents/index.ts'
import { trustLevel } from '../../org/skills/index.ts'
import type { SkillDraft } from '../../org/skills/index.ts'
import { powerIn } from '../../auth/power.ts'
import type { Actor, AgentActor } from '../../platform/kernel/actor.ts'
import type { AgentEntry, CompanyEntry, GoalEntry, IssueEntry, ProjectEntry } from './entries.ts'
import { EXTENSION_PATH } from './extension.ts'
import { planRoutines } from './planRoutines.ts'
import type { PlannedRoutine } from './planRoutines.ts'
import { COMPANY_PATH, countRelations, parsePackage } from './package.ts'
import type { CompanyPackage } from './package.ts'
import { MAX_RELATIONS, WEIGHTS } from './limits.ts'
import { findPower, warnOfPower } from './powerWarnings.ts'
import type { PowerWarnings } from './powerWarnings.ts'
import type { ExistingRows } from './rows.ts'
import type { ImportRequest, Included } from './views.ts'

type Action = 'create' | 'update' | 'skip'

/** The planned action for one entry of a package. */
export interface PlannedEntry<P> {
  readonly entry: P
  readonly action: Action
  readonly name: string
  /** The existing row that the entry matches; null for a new row. */
  readonly existingId: string | null
  readonly reason: string | null
}

/** The planned action for one skill. */
export interface PlannedSkill {
  readonly draft: SkillDraft
  readonly action: Action
  readonly existingId: string | null
  readonly reason: string | null
}

/** Plans the skills of a package. One of the same name is replaced only where rows may be; there is no second name for a skill, because agents name it. */
function planSkills(drafts: readonly SkillDraft[], existing: ExistingRows, { collisionStrategy }: ImportRequest): PlannedSkill[] {
  const present = new Map(existing.skills.map((skill) => [skill.slug, skill]))
  return drafts.map((draft): PlannedSkill => {
    const before = present.get(draft.slug)
    if (before === undefined) return { draft, action: 'create', existingId: null, reason: null }
    if (before.contentHash === draft.contentHash)
      return { draft, action: 'skip', existingId: before.id, reason: 'The company has this skill' }
    if (collisionStrategy === 'replace') return { draft, action: 'update', existingId: before.id, reason: 'A skill with this name exists' }
    return { draft, action: 'skip', existingId: before.id, reason: 'Another skill with this name exists and stays' }
  })
}

/** A person who imports learns which texts agents are to follow, and which of them are programs. */
function warnOfTexts(agents: readonly PlannedEntry<AgentEntry>[], skills: readonly PlannedSkill[], warnings: string[]): void {
  for (const { entry } of agents)
    if (entry.instructions !== null)
      warnings.push(`${entry.path}: brings ${Object.keys(entry.instructions.files).length} file(s) of instructions`)
  for (const { draft, action, reason } of skills) {
    if (trustLevel(Object.keys(draft.files)) === 'scripts_executables') warnings.push(`skills/${draft.slug}: has programs`)
    if (action === 'skip') warnings.push(`skills/${draft.slug}: ${reason}`)
  }
}

/** All actions of an import, decided before the first of them. */
export interface ImportPlan {
  readonly include: Included
  readonly company: { readonly action: 'create' | 'update' | 'none'; readonly name: string | null; readonly entry: CompanyEntry | null }
  readonly agents: readonly PlannedEntry<AgentEntry>[]
  readonly projects: readonly PlannedEntry<ProjectEntry>[]
  readonly issues: readonly IssueEntry[]
  readonly routines: readonly PlannedRoutine[]
  /** With projects or issues, which refer to them. */
  readonly goals: readonly GoalEntry[]
  readonly skills: readonly PlannedSkill[]
  readonly companyPackage: CompanyPackage
  readonly warnings: readonly string[]
  readonly errors: readonly string[]
}

/**
 * Sorts entries so that each follows its parent; otherwise they keep their order.
 * @returns the sorted entries, and the entries that are their own ancestor
 */
function parentsFirst<P extends { readonly slug: string }>(
  entries: readonly P[],
  parentSlugOf: (entry: P) => string | null | undefined,
): [P[], P[]] {
  const bySlug = new Map(entries.map((entry) => [entry.slug, entry]))
  const ordered = new Set<P>()
  const cyclic = new Set<P>()
  for (const entry of entries) {
    const chain: P[] = []
    for (let next: P | undefined = entry; next !== undefined && !ordered.has(next) && !cyclic.has(next);) {
      chain.push(next)
      const parent = bySlug.get(parentSlugOf(next) ?? '')
      if (parent !== undefined && chain.includes(parent)) for (const each of chain) cyclic.add(each)
      next = parent
    }
    for (const each of chain.toReversed()) if (!cyclic.has(each)) ordered.add(each)
  }
  return [[...ordered], [...cyclic]]
}

/** Applies the adapter that the board chose for an agent. The settings of another adapter are removed. */
function applyAdapterOverride(entry: AgentEntry, request: ImportRequest, warnings: string[]): AgentEntry {
  const override = request.adapterOverrides?.[entry.slug]
  if (override === undefined) return entry
  const { env, promptTemplate } = entry.adapterConfig ?? {}
  const keptPaths = { ...(env === undefined ? {} : { env }), ...(promptTemplate === undefined ? {} : { promptTemplate }) }
  const isSame = override.adapterType === (entry.adapterType ?? 'process')
  const droppedKeys = isSame ? [] : Object.keys(entry.adapterConfig ?? {}).filter((key) => !(key in keptPaths))
  if (droppedKeys.length > 0) warnings.push(`${entry.path}: ${droppedKeys.join(', ')} belongs to another adapter and is ignored`)
  const adapterConfig = { ...(isSame ? entry.adapterConfig : keptPaths), ...override.adapterConfig }
  return { ...entry, adapterType: override.adapterType as AgentEntry['adapterType'], adapterConfig }
}

/** An agent as another agent may import it: without what `powerIn` says only the board gives (I18, I21). */
function restrictAgent(actor: AgentActor, entry: AgentEntry, warnings: string[]): AgentEntry {
  const { adapterType: _, adapterConfig: _config, runtimeConfig: _runtime, desiredSkills: _skills, permissions, ...rest } = entry
  const power = new Set(powerIn(actor, null, { ...entry, ...permissions }))
  if (power.has('adapterType') || power.has('adapterConfig') || power.has('runtimeConfig'))
    warnings.push(`${entry.path}: its adapter and settings are ignored, because only the board may import them`)
  if (power.has('desiredSkills') || entry.instructions !== null)
    warnings.push(`${entry.path}: its skills and instructions are ignored, because only the board may import them`)
  if (power.has('role') || power.has('canCreateAgents'))
    warnings.push(`${entry.path}: its permissions are ignored, because only the board may grant them`)
  return { ...rest, instructions: null, role: power.has('role') ? 'general' : entry.role, permissions: { canCreateAgents: false } }
}

/** A project as an agent may import it: without environment, folders and commands (I18). */
function restrictProject(entry: ProjectEntry, warnings: string[]): ProjectEntry {
  const { env, executionWorkspacePolicy, workspaces = [], ...rest } = entry
  const restricted = workspaces.map(
    ({ cwd: _, setupCommand: _setup, cleanupCommand: _cleanup, runtimeConfig: _config, ...workspace }) => workspace,
  )
  const hasHostSettings = workspaces.some((workspace) =>
    [workspace.cwd, workspace.setupCommand, workspace.cleanupCommand, workspace.runtimeConfig].some(Boolean),
  )
  if (hasHostSettings || env || executionWorkspacePolicy)
    warnings.push(`${entry.path}: its environment, folders and commands are ignored, because only the board may import them`)
  return { ...rest, workspaces: restricted.filter((workspace) => Boolean(workspace.repoUrl)) }
}

/** The first row of each key. */
const firstBy = <T>(rows: readonly T[], keyOf: (row: T) => string): ReadonlyMap<string, T> =>
  new Map(rows.toReversed().map((row) => [keyOf(row), row]))

/**
 * The row that an entry means: that of its name, or that of its shortname. Where both names became one shortname only because letters
 * outside a-z were lost, they are two.
 */
function findMatch<T extends { readonly name: string }>(
  { name, slug }: { readonly name: string; readonly slug: string },
  byUrlKey: ReadonlyMap<string, T>,
  byName: ReadonlyMap<string, T>,
): T | undefined {
  const match = byUrlKey.get(slug)
  const isOther = match !== undefined && urlKeyOf(match.name, '') === urlKeyOf(name, '') && nameKeyOf(match.name) !== nameKeyOf(name)
  return byName.get(nameKeyOf(name)) ?? (isOther ? undefined : match)
}

/** Plans the agents of a package against those of the company. */
function planAgents(entries: readonly AgentEntry[], existing: ExistingRows, request: ImportRequest): PlannedEntry<AgentEntry>[] {
  const inUse = namesOf(existing.agents)
  const byUrlKey = firstBy(existing.agents, (agent) => agent.urlKey)
  const byName = firstBy(existing.agents, (agent) => nameKeyOf(agent.name))
  return entries.map((entry): PlannedEntry<AgentEntry> => {
    const match = findMatch(entry, byUrlKey, byName)
    if (match !== undefined && request.collisionStrategy === 'skip')
      return { entry, action: 'skip', name: match.name, existingId: match.id, reason: 'An agent with this name exists' }
    if (match !== undefined && request.collisionStrategy === 'replace')
      return { entry, action: 'update', name: match.name, existingId: match.id, reason: 'An agent with this name exists' }
    const name = takeName(entry.name, inUse)
    return { entry, action: 'create', name, existingId: null, reason: name === entry.name ? null : 'An agent with this name exists' }
  })
}

/** Plans the projects of a package against those of the company. */
function planProjects(entries: readonly ProjectEntry[], existing: ExistingRows, request: ImportRequest): PlannedEntry<ProjectEntry>[] {
  const byUrlKey = firstBy(existing.projects, (project) => project.urlKey)
  const byName = firstBy(existing.projects, (project) => nameKeyOf(project.name))
  const inUse = namesOf(existing.projects)
  return entries.map((entry): PlannedEntry<ProjectEntry> => {
    const match = findMatch(entry, byUrlKey, byName)
    const reason = 'A project with this name exists'
    if (match !== undefined && request.collisionStrategy !== 'rename')
      return { entry, action: request.collisionStrategy === 'skip' ? 'skip' : 'update', name: match.name, existingId: match.id, reason }
    const name = takeName(entry.name, inUse)
    return { entry, action: 'create', name, existingId: null, reason: name === entry.name ? null : reason }
  })
}

/** The selected files of a request. This server fetches no file, because a request must not make the host open a connection. */
function requestedFiles(request: ImportRequest): Readonly<Record<string, unknown>> {
  if (request.source.type !== 'inline') return {}
  if (request.selectedFiles === undefined) return request.source.files
  const keptPaths = new Set([COMPANY_PATH, EXTENSION_PATH, ...request.selectedFiles])
  return Object.fromEntries(Object.entries(request.source.files).filter(([path]) => keptPaths.has(path)))
}

const hasTimer = (config: AgentEntry['runtimeConfig']): boolean => {
  const heartbeat = config?.['heartbeat']
  return typeof heartbeat === 'object' && heartbeat !== null && 'intervalSec' in heartbeat && Number(heartbeat.intervalSec) >= 1
}

/** How many agents a warning names. */
const MAX_NAMED = 20

/** An import brings what the package has, and says what no run can use, what has no effect, and which agents this server cannot run. */
function warnOfConfigs(agents: readonly PlannedEntry<AgentEntry>[], warnings: string[]): void {
  const lacking = new Map<string, string[]>()
  for (const { entry, action } of agents) {
    const { adapterType = 'process', adapterConfig = {}, path, slug } = entry
    const { invalid, missing, ignored } = fieldProblems(adapterType, adapterConfig)
    warnings.push(...invalid.map((problem) => `${path}: adapterConfig.${problem}; runs of the agent fail`))
    // The text of its file is the prompt of an agent, whether or not its adapter has one.
    for (const name of ignored.filter((each) => each !== 'promptTemplate'))
      warnings.push(`${path}: adapterConfig.${name} is not a field of the adapter ${adapterType} and has no effect`)
    // An existing agent keeps the fields that the package does not have.
    if (missing.length === 0 || action !== 'create') continue
    const fields = missing.join(', ')
    lacking.set(fields, [...(lacking.get(fields) ?? []), slug])
  }
  for (const [fields, slugs] of lacking) {
    const more = slugs.length > MAX_NAMED ? ` and ${slugs.length - MAX_NAMED} more` : ''
    warnings.push(`Without ${fields} this server starts no run of ${slugs.slice(0, MAX_NAMED).join(', ')}${more}`)
  }
}

/** A package, and what it gives to those who wrote it; nothing for an agent, which imports no power. */
export interface ReadPackage extends CompanyPackage {
  readonly power: PowerWarnings | null
}

/** Reads the selected files of a request. */
export async function readPackage(actor: Actor, request: ImportRequest): Promise<ReadPackage> {
  const companyPackage = await parsePackage(requestedFiles(request))
  if (actor.kind === 'agent') return { ...companyPackage, power: null }
  const agents = companyPackage.agents.map((entry) => applyAdapterOverride(entry, request, []))
  return { ...companyPackage, power: await findPower(agents, companyPackage.projects) }
}

/** The kinds of rows that an import takes: those that are asked for, that the package has, and that the caller may import. */
function includedIn(
  actor: Actor,
  { include }: ImportRequest,
  { company, agents, projects, issues, routines, skills }: ReadPackage,
  warnings: string[],
): Included {
  if (actor.kind === 'agent' && skills.length > 0)
    warnings.push(`${skills.length} skill(s) are ignored, because only the board may import them`)
  return {
    company: (include?.company ?? true) && company !== null,
    agents: (include?.agents ?? true) && agents.length > 0,
    projects: (include?.projects ?? true) && projects.length > 0,
    issues: (include?.issues ?? true) && issues.length + routines.length > 0,
    skills: (include?.skills ?? true) && skills.length > 0 && actor.kind !== 'agent',
  }
}

/**
 * Plans an import. Pure: the same actor, request, package and rows give the same plan.
 * @param existing the rows of the company; none for a new company
 */
export function planImport(actor: Actor, request: ImportRequest, companyPackage: ReadPackage, existing: ExistingRows): ImportPlan {
  const warnings = [...companyPackage.warnings]
  const errors = [...companyPackage.errors]
  const requestedInclude = request.include
  const include = includedIn(actor, request, companyPackage, warnings)
  const takesGoals = (requestedInclude?.projects ?? true) || (requestedInclude?.issues ?? true)
  const selected = request.agents === 'all' ? null : new Set(request.agents)
  for (const slug of selected ?? [])
    if (!companyPackage.agents.some((agent) => agent.slug === slug)) warnings.push(`The package contains no agent ${slug}`)
  const selectedAgents = include.agents ? companyPackage.agents.filter((agent) => selected === null || selected.has(agent.slug)) : []
  const allowedAgents = selectedAgents.map((entry) =>
    actor.kind === 'agent' ? restrictAgent(actor, entry, warnings) : applyAdapterOverride(entry, request, warnings),
  )
  for (const entry of allowedAgents)
    if (hasTimer(entry.runtimeConfig)) warnings.push(`${entry.path}: has a timer and will run after the import`)
  const [agents, cyclicAgents] = parentsFirst(allowedAgents, (entry) => entry.reportsTo)
  for (const entry of cyclicAgents) errors.push(`${entry.path}: reports to itself, directly or not`)
  const projects = (include.projects ? companyPackage.projects : []).map((entry) =>
    actor.kind === 'agent' ? restrictProject(entry, warnings) : entry,
  )
  const [issues, cyclicIssues] = parentsFirst(include.issues ? companyPackage.issues : [], (entry) => entry.parent)
  for (const entry of cyclicIssues) errors.push(`${entry.path}: is below itself`)
  const [goals, cyclicGoals] = parentsFirst(takesGoals ? companyPackage.goals : [], (entry) => entry.parent)
  for (const entry of cyclicGoals) errors.push(`${entry.path}: is below itself`)
  if (countRelations({ projects, issues }) > MAX_RELATIONS)
    errors.push(
      `A package has at most ${MAX_RELATIONS} blockers, labels, documents and work products of issues, and workspaces and goals of projects together; a workspace counts as ${WEIGHTS.workspaces}, a work product as ${WEIGHTS.workProducts}, a document as ${WEIGHTS.documents}`,
    )
  const plannedAgents = planAgents(agents, existing, request)
  const plannedProjects = planProjects(projects, existing, request)
  const routines = planRoutines(actor, include.issues ? companyPackage.routines : [], { existing, request, warnings })
  const plannedSkills = include.skills ? planSkills(companyPackage.skills, existing, request) : []
  if (companyPackage.power !== null) {
    warnOfTexts(plannedAgents, plannedSkills, warnings)
    warnOfConfigs(plannedAgents, warnings)
    warnOfPower(companyPackage.power, plannedAgents, plannedProjects, warnings)
  }
  const isNew = request.target.mode === 'new_company'
  const name = (request.target.mode === 'new_company' ? request.target.newCompanyName : null) ?? companyPackage.company?.name ?? null
  if (isNew && name === null) errors.push('The package contains no company; set newCompanyName')
  const updatesCompany = !isNew && include.company && request.collisionStrategy === 'replace'
  return {
    include,
    company: {
      action: isNew ? 'create' : updatesCompany ? 'update' : 'none',
      name,
      entry: include.company ? companyPackage.company : null,
    },
    agents: plannedAgents,
    projects: plannedProjects,
    issues,
    routines,
    goals,
    skills: plannedSkills,
    companyPackage,
    warnings,
    errors,
  }
}
