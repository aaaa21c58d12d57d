import type { AgentRow } from '../agents/index.ts'
import { companyById } from '../companies/index.ts'
import type { CompanyRow } from '../companies/index.ts'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { refuse } from '../kernel/errors.ts'
import type { ProjectRow } from '../projects/index.ts'
import { renderDocument } from './document.ts'
import { MOST_FILES, PACKAGE_BYTES } from './limits.ts'
import { envInputsOf, manifestOf } from './manifest.ts'
import { agentPath, COMPANY, EXTENSION, issuePath, projectPath, readPackage, SCHEMA } from './package.ts'
import { agentsOf, issueSizeOf, issuesOf, projectsOf } from './rows.ts'
import type { IssueRow } from './rows.ts'
import { plainText, withoutSecrets } from './secrets.ts'
import type { Exported, ExportOrder, Included } from './views.ts'

/** What goes into a package, by slug. */
interface Contents {
  readonly company: CompanyRow
  readonly includes: Included
  readonly agents: ReadonlyMap<string, AgentRow>
  readonly projects: ReadonlyMap<string, ProjectRow>
  readonly issues: ReadonlyMap<string, IssueRow>
  readonly warnings: string[]
}

const tooLarge = (): never =>
  refuse('unprocessable', { message: `A package has at most ${MOST_FILES} files and ${PACKAGE_BYTES} bytes: name projects or issues` })

/** Short words for a row, in the order given: later ones of the same name are numbered. */
function bySlug<T>(rows: readonly T[], nameOf: (row: T) => string, fallback: string): Map<string, T> {
  const slugs = new Map<string, T>()
  for (const row of rows) {
    const words = nameOf(row)
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .slice(0, 80)
      .replaceAll(/^-+|-+$/g, '')
    const base = words === '' ? fallback : words
    let slug = base
    for (let number = 2; slugs.has(slug); number += 1) slug = `${base}-${number}`
    slugs.set(slug, row)
  }
  return slugs
}

const asked = (names: readonly string[] | undefined): Set<string> | null =>
  names === undefined || names.length === 0 ? null : new Set(names.map((name) => name.toLowerCase()))

async function gather(ctx: Ctx, order: ExportOrder): Promise<Contents> {
  const db = ctx.store.read
  const companyId = companyOf(ctx)
  const includes: Included = {
    company: order.include?.company ?? true,
    agents: order.include?.agents ?? true,
    projects: order.include?.projects ?? false,
    issues: order.include?.issues ?? false,
    skills: false,
  }
  const company = await companyById(db, companyId)
  const warnings = order.include?.skills === true ? ['Skills are not kept by this server and not exported'] : []
  const pick = <T extends { readonly id: string; readonly urlKey: string }>(rows: readonly T[], names: Set<string> | null): T[] =>
    rows.filter((row) => names === null || names.has(row.id) || names.has(row.urlKey))
  const agents = includes.agents ? pick(await agentsOf(db, companyId, MOST_FILES + 1), asked(order.agents)) : []
  const everyProject = includes.projects || order.projectIssues !== undefined ? await projectsOf(db, companyId, MOST_FILES + 1) : []
  const projects = includes.projects ? pick(everyProject, asked(order.projects)) : []
  const names = asked(order.issues)
  const withIssues = asked(order.projectIssues)
  const choice = {
    companyId,
    all: names === null && withIssues === null,
    names: [...(names ?? [])],
    projectIds: withIssues === null ? [] : pick(everyProject, withIssues).map((project) => project.id),
  }
  if (includes.issues) {
    const { count, bytes } = await issueSizeOf(db, choice)
    if (count > MOST_FILES || bytes > PACKAGE_BYTES) tooLarge()
  }
  const issues = includes.issues ? await issuesOf(db, choice, MOST_FILES) : []
  if (2 + agents.length + projects.length + issues.length > MOST_FILES) tooLarge()
  return {
    company,
    includes,
    agents: bySlug(agents, (agent) => agent.urlKey, 'agent'),
    projects: bySlug(projects, (project) => project.name, 'project'),
    issues: bySlug(issues, (issue) => issue.title, 'task'),
    warnings,
  }
}

/** Slugs by id, for what refers to others; what is not in the package is told nothing of. */
const slugOf = (rows: ReadonlyMap<string, { readonly id: string }>): ((id: string | null) => string | null) => {
  const slugs = new Map([...rows].map(([slug, row]) => [row.id, slug]))
  return (id) => (id === null ? null : (slugs.get(id) ?? null))
}

/** Leaves out what is null or empty, so that what was never said is not said. */
const filled = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(fields).filter(
      ([, value]) => value !== null && value !== undefined && !(typeof value === 'object' && Object.keys(value).length === 0),
    ),
  )

/** A configuration without secrets; what had to stay behind is told. */
function portable(path: string, config: Readonly<Record<string, unknown>>, warnings: string[]): Readonly<Record<string, unknown>> {
  const { value, env, dropped } = withoutSecrets(config)
  const names = env.filter(({ isSet }) => isSet).map(({ key }) => key)
  if (names.length > 0) warnings.push(`${path}: the values of ${names.join(', ')} stay behind; give them after an import`)
  if (dropped.length > 0) warnings.push(`${path}: ${dropped.join(', ')} looks like a secret and stays behind`)
  return value
}

interface Writing {
  readonly files: Record<string, string>
  readonly extension: Record<string, Record<string, unknown>>
  readonly contents: Contents
  /** Whether the reader may see what the host runs: the board's alone (I18). */
  readonly isBoard: boolean
}

const text = (path: string, value: string | null, warnings: string[]): string | null => {
  const told = plainText(value)
  if (told !== value) warnings.push(`${path}: something in the text looks like a secret and is covered`)
  return told
}

function writeAgents({ files, extension, contents, isBoard }: Writing): void {
  const managerOf = slugOf(contents.agents)
  for (const [slug, agent] of contents.agents) {
    const path = agentPath(slug)
    const { warnings } = contents
    const { promptTemplate, ...config } = isBoard ? agent.adapterConfig : {}
    const body = typeof promptTemplate === 'string' ? text(path, promptTemplate, warnings) : null
    const { name, title, icon, role } = agent
    const capabilities = text(path, agent.capabilities, warnings)
    files[path] = renderDocument({ name, role, title, icon, capabilities, reportsTo: managerOf(agent.reportsTo) }, body)
    const { adapterConfig, runtimeConfig, metadata } = portable(
      path,
      { adapterConfig: config, runtimeConfig: isBoard ? agent.runtimeConfig : {}, metadata: agent.metadata ?? {} },
      warnings,
    )
    const { budgetMonthlyCents, permissions } = agent
    ;(extension['agents'] ??= {})[slug] = filled({
      adapterType: isBoard ? agent.adapterType : null,
      adapterConfig,
      runtimeConfig,
      permissions,
      budgetMonthlyCents,
      metadata,
    })
  }
}

const workspaceOf = (workspace: ProjectRow['workspaces'][number], isBoard: boolean): Record<string, unknown> => {
  const {
    id: _,
    companyId: _company,
    projectId: _project,
    createdAt: _made,
    updatedAt: _changed,
    runtimeServices: _services,
    ...told
  } = workspace
  return filled(isBoard ? told : { ...told, cwd: null, setupCommand: null, cleanupCommand: null, runtimeConfig: null })
}

function writeProjects({ files, extension, contents, isBoard }: Writing): void {
  const leadOf = slugOf(contents.agents)
  const { warnings } = contents
  for (const [slug, project] of contents.projects) {
    const path = projectPath(slug)
    const { name, status, targetDate, color } = project
    files[path] = renderDocument({ name, status, lead: leadOf(project.leadAgentId), targetDate }, text(path, project.description, warnings))
    const told = portable(
      path,
      { env: isBoard ? (project.env ?? {}) : {}, executionWorkspacePolicy: isBoard ? (project.executionWorkspacePolicy ?? {}) : {} },
      warnings,
    )
    const workspaces = project.workspaces
      .map((workspace) => portable(path, workspaceOf(workspace, isBoard), warnings))
      .filter((workspace) => workspace['cwd'] !== undefined || workspace['repoUrl'] !== undefined)
    ;(extension['projects'] ??= {})[slug] = filled({ color, ...told, workspaces })
    if (project.goals.length > 0) warnings.push(`${path}: goals are not part of a package`)
  }
}

function writeIssues({ files, extension, contents }: Writing): void {
  const [issueSlug, agentSlug, projectSlug] = [slugOf(contents.issues), slugOf(contents.agents), slugOf(contents.projects)]
  const { warnings } = contents
  for (const [slug, issue] of contents.issues) {
    const path = issuePath(slug)
    const { priority, billingCode } = issue
    files[path] = renderDocument(
      {
        title: text(path, issue.title, warnings),
        // Nobody holds what is in a package.
        status: issue.status === 'in_progress' ? 'todo' : issue.status,
        priority,
        project: projectSlug(issue.projectId),
        assignee: agentSlug(issue.assigneeAgentId),
        parent: issueSlug(issue.parentId),
        blockedBy: issue.blockedBy.map(issueSlug).filter((blocker) => blocker !== null),
        labels: issue.labels.map((label) => label.name),
      },
      text(path, issue.description, warnings),
    )
    // Every task has its place here, because files have no order and numbers are given in one.
    ;(extension['tasks'] ??= {})[slug] = filled({ billingCode })
    for (const { name, color } of issue.labels) (extension['labels'] ??= {})[name.toLowerCase()] = color
  }
}

/** Says once for a package what an agent is not shown of it. */
function tellHidden({ contents, isBoard }: Writing): void {
  if (!isBoard && contents.agents.size + contents.projects.size > 0)
    contents.warnings.push('Adapters, environments and commands are shown to the board only and left out')
}

/**
 * A company as a package of text files (contract §3). No secret leaves: of environments only the names, and what looks
 * like a secret is left out or covered; an agent gets nothing of what the host runs (I17, I18).
 * @throws Refusal `unprocessable` for more than a package may hold
 */
export async function exportCompany(ctx: Ctx, order: ExportOrder): Promise<Exported> {
  const contents = await gather(ctx, order)
  const { company, includes, warnings } = contents
  const writing: Writing = { files: {}, extension: {}, contents, isBoard: ctx.actor.kind === 'board' }
  if (includes.company) {
    writing.files[COMPANY] = renderDocument({ name: company.name }, text(COMPANY, company.description, warnings))
    const { brandColor, requireBoardApprovalForNewAgents, budgetMonthlyCents } = company
    writing.extension['company'] = filled({ brandColor, requireBoardApprovalForNewAgents, budgetMonthlyCents })
  }
  writeAgents(writing)
  writeProjects(writing)
  writeIssues(writing)
  tellHidden(writing)
  writing.files[EXTENSION] = `${JSON.stringify({ schema: SCHEMA, ...writing.extension }, null, 2)}\n`
  const kept = order.selectedFiles === undefined ? null : new Set([COMPANY, EXTENSION, ...order.selectedFiles])
  const files = Object.fromEntries(
    Object.entries(writing.files)
      .filter(([path]) => kept === null || kept.has(path))
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )
  if (Buffer.byteLength(JSON.stringify(files)) > PACKAGE_BYTES) tooLarge()
  const pack = readPackage(files)
  const [rootPath = 'company'] = bySlug([company], ({ name }) => name, 'company').keys()
  return {
    rootPath,
    manifest: manifestOf(pack, includes, { companyId: company.id, companyName: company.name }, envInputsOf(pack)),
    files,
    warnings,
    paperclipExtensionPath: EXTENSION,
  }
}

type Inventory = { path: string; kind: 'company' | 'agent' | 'project' | 'issue' | 'extension' }[]

/** What an export would give, with a list of its files. */
export async function previewExport(ctx: Ctx, order: ExportOrder) {
  const exported = await exportCompany(ctx, order)
  const { agents, projects, issues } = exported.manifest
  const paths = Object.keys(exported.files)
  const kindOf = (path: string): Inventory[number]['kind'] => {
    if (path === COMPANY) return 'company'
    if (path === EXTENSION) return 'extension'
    return path.startsWith('agents/') ? 'agent' : path.startsWith('projects/') ? 'project' : 'issue'
  }
  const fileInventory: Inventory = paths.map((path) => ({ path, kind: kindOf(path) }))
  const counts = { files: paths.length, agents: agents.length, skills: 0, projects: projects.length, issues: issues.length }
  return { ...exported, fileInventory, counts }
}
