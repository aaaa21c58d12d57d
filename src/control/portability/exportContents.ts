import type { AgentRow } from '../../org/agents/index.ts'
import { companyById } from '../../org/companies/index.ts'
import { bundlesOf, measureBundles } from '../../org/instructions/index.ts'
import type { BundleTexts } from '../../org/instructions/index.ts'
import { filesOf, listSkillHeads, measureSkills } from '../../org/skills/index.ts'
import type { TextFile } from '../../adapters/index.ts'
import type { CompanyRow } from '../../org/companies/index.ts'
import type { GoalRow } from '../../org/goals/index.ts'
import type { ProjectRow } from '../../org/projects/index.ts'
import { companyOf } from '../../platform/db/context.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { listDocuments, listGoals, listWorkProducts, measureParts, partWarnings } from './exportParts.ts'
import type { DocumentPart, WorkProductPart } from './exportParts.ts'
import { readPackageLimits } from './exportLimits.ts'
import { MAX_FILES, MAX_PACKAGE_BYTES, MAX_PACKAGE_TRIGGERS, MAX_RELATIONS, WEIGHTS } from './limits.ts'
import { listAgents, measureIssues, listIssues, listProjects } from './rows.ts'
import { listRoutines, measureRoutines } from './routineRows.ts'
import type { RoutineRow } from './routineRows.ts'
import type { IssueRow, IssueSelection } from './rows.ts'
import type { ExportRequest, Included } from './views.ts'

/** The rows of a package, by slug. */
export interface Contents {
  readonly company: CompanyRow
  readonly includes: Included
  readonly agents: ReadonlyMap<string, AgentRow>
  readonly projects: ReadonlyMap<string, ProjectRow>
  readonly issues: ReadonlyMap<string, IssueRow>
  readonly goals: ReadonlyMap<string, GoalRow>
  /** Named apart from the issues, because both are tasks. */
  readonly routines: ReadonlyMap<string, RoutineRow>
  /** By the id of their issue. */
  readonly documents: ReadonlyMap<string, readonly DocumentPart[]>
  readonly workProducts: ReadonlyMap<string, readonly WorkProductPart[]>
  /** The files of each skill, by the name of the skill. */
  readonly skills: ReadonlyMap<string, readonly TextFile[]>
  /** The instructions of agents, by the ids of the agents; none for a caller who may not read them. */
  readonly bundles: ReadonlyMap<string, BundleTexts>
  /** The company and the agents whose monthly limit is exported. */
  readonly limitedScopeIds: ReadonlySet<string>
  readonly warnings: string[]
}

/** Refuses a package beyond the limits. */
export const refuseTooLarge = (): never =>
  refuse('unprocessable', {
    message: `A package has at most ${MAX_FILES} files, ${MAX_RELATIONS} relations, ${MAX_PACKAGE_TRIGGERS} triggers of routines and ${MAX_PACKAGE_BYTES} bytes: name projects, issues or skills`,
  })

/** Names rows by short words. Later rows with the same words get a number, and so do those whose words are taken. */
export function assignSlugs<T>(
  rows: readonly T[],
  nameOf: (row: T) => string,
  fallback: string,
  taken: ReadonlyMap<string, unknown> = new Map(),
): Map<string, T> {
  const slugs = new Map<string, T>()
  for (const row of rows) {
    const words = nameOf(row)
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .slice(0, 80)
      .replaceAll(/^-+|-+$/g, '')
    const base = words === '' ? fallback : words
    let slug = base
    for (let number = 2; slugs.has(slug) || taken.has(slug); number += 1) slug = `${base}-${number}`
    slugs.set(slug, row)
  }
  return slugs
}

const toNameSet = (names: readonly string[] | undefined): Set<string> | null =>
  names === undefined || names.length === 0 ? null : new Set(names.map((name) => name.toLowerCase()))

function byIssue<T extends { readonly issueId: string }>(parts: readonly T[]): Map<string, T[]> {
  const lists = new Map<string, T[]>()
  for (const part of parts) {
    const list = lists.get(part.issueId)
    if (list === undefined) lists.set(part.issueId, [part])
    else list.push(part)
  }
  return lists
}

/** Reads the skills of a company, and the instructions of agents for a caller who sees their settings. */
async function loadTexts(
  { actor, store, companyId: id }: Ctx,
  wanted: ReadonlySet<string> | 'all' | 'none',
  agents: readonly AgentRow[],
): Promise<Pick<Contents, 'skills' | 'bundles'> & { readonly fileCount: number }> {
  const companyId = id ?? ''
  const slugs = wanted === 'none' ? [] : (await listSkillHeads(store.read, companyId)).map(({ slug }) => slug)
  const chosen = typeof wanted === 'string' ? slugs : slugs.filter((slug) => wanted.has(slug))
  const agentIds = actor.kind === 'board' ? agents.map((agent) => agent.id) : []
  const [ofSkills, ofBundles] = await Promise.all([
    measureSkills(store.read, companyId, chosen),
    measureBundles(store.read, companyId, agentIds),
  ])
  if (ofSkills.bytes + ofBundles.bytes > MAX_PACKAGE_BYTES || ofSkills.files + ofBundles.files > MAX_FILES) refuseTooLarge()
  const [files, bundles] = await Promise.all([filesOf(store.read, companyId, chosen), bundlesOf(store.read, companyId, agentIds)])
  return { skills: new Map(files.map(({ slug, files: texts }) => [slug, texts])), bundles, fileCount: ofSkills.files + ofBundles.files }
}

async function loadRoutines(db: Ctx['store']['read'], selection: IssueSelection): Promise<RoutineRow[]> {
  const { count, bytes, triggers } = await measureRoutines(db, selection)
  if (count > MAX_FILES || bytes > MAX_PACKAGE_BYTES || triggers > MAX_PACKAGE_TRIGGERS) refuseTooLarge()
  return await listRoutines(db, selection, MAX_FILES)
}

/** Reads the rows of a package. @throws Refusal `unprocessable` for a package beyond the limits */
export async function loadContents(ctx: Ctx, request: ExportRequest): Promise<Contents> {
  const db = ctx.store.read
  const companyId = companyOf(ctx)
  const includes: Included = {
    company: request.include?.company ?? true,
    agents: request.include?.agents ?? true,
    projects: request.include?.projects ?? false,
    issues: request.include?.issues ?? false,
    skills: request.include?.skills ?? true,
  }
  const company = await companyById(db, companyId)
  const warnings: string[] = []
  if (includes.company && company.logoAssetId !== null) warnings.push('The logo of the company is not exported')
  const pick = <T extends { readonly id: string; readonly urlKey: string }>(rows: readonly T[], names: Set<string> | null): T[] =>
    rows.filter((row) => names === null || names.has(row.id) || names.has(row.urlKey))
  const agents = includes.agents ? pick(await listAgents(db, companyId, MAX_FILES + 1), toNameSet(request.agents)) : []
  const allProjects = includes.projects || request.projectIssues !== undefined ? await listProjects(db, companyId, MAX_FILES + 1) : []
  const projects = includes.projects ? pick(allProjects, toNameSet(request.projects)) : []
  const names = toNameSet(request.issues)
  const issueProjects = toNameSet(request.projectIssues)
  const selection = {
    companyId,
    all: names === null && issueProjects === null,
    names: [...(names ?? [])],
    projectIds: issueProjects === null ? [] : pick(allProjects, issueProjects).map((project) => project.id),
  }
  if (includes.issues) {
    const { count, bytes } = await measureIssues(db, selection)
    if (count > MAX_FILES || bytes > MAX_PACKAGE_BYTES) refuseTooLarge()
  }
  const routines = includes.issues ? await loadRoutines(db, selection) : []
  const issues = includes.issues ? await listIssues(db, selection, MAX_FILES) : []
  const issueIds = issues.map((issue) => issue.id)
  const sizes = await measureParts(db, issueIds)
  const weight = WEIGHTS.documents * sizes.documents + WEIGHTS.workProducts * sizes.workProducts
  if (sizes.documentBytes > MAX_PACKAGE_BYTES || weight > MAX_RELATIONS) refuseTooLarge()
  const scopes = [...(includes.company ? [companyId] : []), ...[...agents, ...projects].map(({ id }) => id)]
  const limits = await readPackageLimits(db, companyId, scopes)
  warnings.push(...partWarnings(sizes), ...limits.warnings)
  const goals = includes.projects || includes.issues ? await listGoals(db, companyId, MAX_FILES + 1) : []
  if (goals.length > MAX_FILES) refuseTooLarge()
  const texts = await loadTexts(ctx, includes.skills ? (toNameSet(request.skills) ?? 'all') : 'none', agents)
  if (2 + agents.length + projects.length + issues.length + routines.length + texts.fileCount > MAX_FILES) refuseTooLarge()
  const issueSlugs = assignSlugs(issues, (issue) => issue.title, 'task')
  return {
    company,
    includes,
    limitedScopeIds: limits.exportedScopeIds,
    agents: assignSlugs(agents, (agent) => (agent.urlKey === agent.id ? '' : agent.urlKey), 'agent'),
    projects: assignSlugs(projects, (project) => project.name, 'project'),
    issues: issueSlugs,
    routines: assignSlugs(routines, (routine) => routine.title, 'routine', issueSlugs),
    goals: assignSlugs(goals, (goal) => goal.title, 'goal'),
    documents: byIssue(await listDocuments(db, issueIds)),
    workProducts: byIssue(await listWorkProducts(db, issueIds)),
    skills: texts.skills,
    bundles: texts.bundles,
    warnings,
  }
}
