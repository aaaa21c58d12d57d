import type { Ctx } from '../../platform/db/types.ts'
import type { ProjectRow } from '../../org/projects/index.ts'
import { renderFrontMatter } from './frontMatter.ts'
import { createTurns } from '../../platform/kernel/turns.ts'
import { assignSlugs, loadContents, refuseTooLarge } from './exportContents.ts'
import type { Contents } from './exportContents.ts'
import { monthlyLimitOf } from './exportLimits.ts'
import { writeRoutines } from './exportRoutines.ts'
import { omitEmpty, redactField, slugLookup, stripSecrets } from './exportState.ts'
import type { ExportState } from './exportState.ts'
import { MAX_PACKAGE_BYTES, MAX_RELATIONS } from './limits.ts'
import { collectEnvInputs, buildManifest } from './manifest.ts'
import { EXTENSION_PATH, EXTENSION_SCHEMA } from './extension.ts'
import { DEFAULT_ENTRY } from '../../org/instructions/index.ts'
import { agentPath, COMPANY_PATH, countRelations, instructionPath, issuePath, projectPath, parsePackage, skillPath } from './package.ts'
import type { IssueRow } from './rows.ts'
import type { ExportResult, ExportRequest } from './views.ts'

async function writeAgents({ files, extension, contents, isBoard, turns }: ExportState): Promise<void> {
  const managerOf = slugLookup(contents.agents)
  for (const [slug, agent] of contents.agents) {
    await turns.yieldIfDue()
    const path = agentPath(slug)
    const { warnings } = contents
    const { desiredSkills, ...settings } = isBoard ? agent.adapterConfig : {}
    const { promptTemplate, ...withoutPrompt } = settings
    const bundle = contents.bundles.get(agent.id) ?? null
    const own = bundle === null ? promptTemplate : bundle.files.find((file) => file.path === DEFAULT_ENTRY)?.content
    const config = bundle === null ? withoutPrompt : settings
    const body = typeof own === 'string' ? redactField(path, own, warnings) : null
    for (const file of bundle?.files ?? [])
      if (file.path !== DEFAULT_ENTRY) files[instructionPath(slug, file.path)] = redactField(path, file.content, warnings) ?? ''
    const { name, title, icon, role } = agent
    const capabilities = redactField(path, agent.capabilities, warnings)
    files[path] = renderFrontMatter(
      { name, role, title, icon, capabilities, reportsTo: managerOf(agent.reportsTo), skills: desiredSkills },
      body,
    )
    const { adapterConfig, runtimeConfig, metadata } = stripSecrets(
      path,
      { adapterConfig: config, runtimeConfig: isBoard ? agent.runtimeConfig : {}, metadata: agent.metadata ?? {} },
      warnings,
    )
    const { permissions } = agent
    ;(extension['agents'] ??= {})[slug] = omitEmpty({
      adapterType: isBoard ? agent.adapterType : null,
      adapterConfig,
      runtimeConfig,
      permissions,
      budgetMonthlyCents: monthlyLimitOf(agent, contents.limitedScopeIds),
      metadata,
      instructions: bundle === null ? null : { entryFile: bundle.entryFile },
    })
  }
}

/** The files of skills. A skill in whose text something looks like a secret is exported with that part redacted. */
async function writeSkills({ files, contents, turns }: ExportState): Promise<void> {
  for (const [slug, texts] of contents.skills)
    for (const { path, content } of texts) {
      await turns.yieldIfDue()
      const at = skillPath(slug, path)
      files[at] = redactField(at, content, contents.warnings) ?? ''
    }
}

const exportWorkspace = (workspace: ProjectRow['workspaces'][number], isBoard: boolean): Record<string, unknown> => {
  const {
    id: _,
    companyId: _company,
    projectId: _project,
    createdAt: _made,
    updatedAt: _changed,
    runtimeServices: _services,
    ...exportedFields
  } = workspace
  return omitEmpty(
    isBoard ? exportedFields : { ...exportedFields, cwd: null, setupCommand: null, cleanupCommand: null, runtimeConfig: null },
  )
}

async function writeProjects({ files, extension, contents, isBoard, turns }: ExportState): Promise<void> {
  const [leadOf, goalOf] = [slugLookup(contents.agents), slugLookup(contents.goals)]
  const { warnings } = contents
  for (const [slug, project] of contents.projects) {
    await turns.yieldIfDue()
    const path = projectPath(slug)
    const { name, status, targetDate, color } = project
    files[path] = renderFrontMatter(
      { name, status, lead: leadOf(project.leadAgentId), targetDate },
      redactField(path, project.description, warnings),
    )
    const hostSettings = stripSecrets(
      path,
      { env: isBoard ? (project.env ?? {}) : {}, executionWorkspacePolicy: isBoard ? (project.executionWorkspacePolicy ?? {}) : {} },
      warnings,
    )
    const workspaces = project.workspaces
      .map((workspace) => stripSecrets(path, exportWorkspace(workspace, isBoard), warnings))
      .filter((workspace) => workspace['cwd'] !== undefined || workspace['repoUrl'] !== undefined)
    const [first, ...others] = project.goals.flatMap(({ id }) => goalOf(id) ?? [])
    const goals = first === undefined ? [] : [first, ...others.toSorted()]
    ;(extension['projects'] ??= {})[slug] = omitEmpty({ color, ...hostSettings, goals, workspaces })
  }
}

function writeGoals({ extension, contents }: ExportState): void {
  const [ownerOf, parentOf] = [slugLookup(contents.agents), slugLookup(contents.goals)]
  for (const [slug, goal] of contents.goals) {
    const path = `${EXTENSION_PATH}: goals.${slug}`
    const { level, status } = goal
    const title = redactField(path, goal.title, contents.warnings)
    const description = redactField(path, goal.description, contents.warnings)
    ;(extension['goals'] ??= {})[slug] = omitEmpty({
      title,
      description,
      level,
      status,
      parent: parentOf(goal.parentId),
      owner: ownerOf(goal.ownerAgentId),
    })
  }
}

/** The documents and work products of an issue, for its entry in the extension. */
function partsOf({ id }: IssueRow, path: string, { documents, workProducts, warnings }: Contents) {
  const documentFields = (documents.get(id) ?? []).map(({ key, title, body }) =>
    omitEmpty({ key, title: redactField(path, title, warnings), body: redactField(path, body, warnings) }),
  )
  const productFields = (workProducts.get(id) ?? []).map(({ issueId: _, metadata, title, summary, url, ...fields }) =>
    omitEmpty({
      ...fields,
      title: redactField(path, title, warnings),
      summary: redactField(path, summary, warnings),
      // A redacted URL is none.
      url: redactField(path, url, warnings) === url ? url : null,
      metadata: stripSecrets(path, metadata ?? {}, warnings),
    }),
  )
  return { documents: documentFields, workProducts: productFields }
}

async function writeIssues({ files, extension, contents, turns }: ExportState): Promise<void> {
  const [issueSlug, agentSlug, projectSlug] = [slugLookup(contents.issues), slugLookup(contents.agents), slugLookup(contents.projects)]
  const goalOf = slugLookup(contents.goals)
  const { warnings } = contents
  for (const [slug, issue] of contents.issues) {
    await turns.yieldIfDue()
    const path = issuePath(slug)
    const { priority, billingCode } = issue
    const labels = issue.labels.toSorted((a, b) => (a.name < b.name ? -1 : 1))
    files[path] = renderFrontMatter(
      {
        title: redactField(path, issue.title, warnings),
        // No run holds an issue of a package.
        status: issue.status === 'in_progress' ? 'todo' : issue.status,
        priority,
        project: projectSlug(issue.projectId),
        assignee: agentSlug(issue.assigneeAgentId),
        parent: issueSlug(issue.parentId),
        blockedBy: issue.blockedBy.map(issueSlug).filter((blocker) => blocker !== null),
        labels: labels.map((label) => label.name),
      },
      redactField(path, issue.description, warnings),
    )
    // Every task has an entry here, because files have no order and an import numbers issues in the order of the entries.
    ;(extension['tasks'] ??= {})[slug] = omitEmpty({ billingCode, goal: goalOf(issue.goalId), ...partsOf(issue, path, contents) })
    for (const { name, color } of labels) (extension['labels'] ??= {})[name.toLowerCase()] = color
  }
}

/** Adds the warning that an agent's package lacks settings of the host. */
function warnHidden({ contents, isBoard }: ExportState): void {
  if (!isBoard && contents.agents.size + contents.projects.size > 0)
    contents.warnings.push('Adapters, environments and commands are omitted, because only the board may read them')
}

/**
 * Exports a company as a package of text files (contract §3). A package contains no secret: of an environment it has only
 * the names, and values that look like secrets are removed or redacted (I17). The package of an agent contains no settings
 * of what the host runs (I18).
 * @throws Refusal `unprocessable` for a package beyond the limits
 */
export async function exportCompany(ctx: Ctx, request: ExportRequest): Promise<ExportResult> {
  const contents = await loadContents(ctx, request)
  const { company, includes, warnings } = contents
  const state: ExportState = { files: {}, extension: {}, contents, isBoard: ctx.actor.kind === 'board', turns: createTurns() }
  if (includes.company) {
    state.files[COMPANY_PATH] = renderFrontMatter({ name: company.name }, redactField(COMPANY_PATH, company.description, warnings))
    const { brandColor, requireBoardApprovalForNewAgents } = company
    const budgetMonthlyCents = monthlyLimitOf(company, contents.limitedScopeIds)
    state.extension['company'] = omitEmpty({ brandColor, requireBoardApprovalForNewAgents, budgetMonthlyCents })
  }
  await writeAgents(state)
  await writeSkills(state)
  writeGoals(state)
  await writeProjects(state)
  await writeIssues(state)
  await writeRoutines(state)
  warnHidden(state)
  const { labels } = state.extension
  // By name, so that an export does not depend on which issue came first.
  if (labels !== undefined) state.extension['labels'] = Object.fromEntries(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  state.files[EXTENSION_PATH] = `${JSON.stringify({ schema: EXTENSION_SCHEMA, ...state.extension }, null, 2)}\n`
  const keptPaths = request.selectedFiles === undefined ? null : new Set([COMPANY_PATH, EXTENSION_PATH, ...request.selectedFiles])
  const files = Object.fromEntries(
    Object.entries(state.files)
      .filter(([path]) => keptPaths === null || keptPaths.has(path))
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )
  if (Buffer.byteLength(JSON.stringify(files)) > MAX_PACKAGE_BYTES) refuseTooLarge()
  const companyPackage = await parsePackage(files)
  if (countRelations(companyPackage) > MAX_RELATIONS) refuseTooLarge()
  const [rootPath = 'company'] = assignSlugs([company], ({ name }) => name, 'company').keys()
  const envInputs = await collectEnvInputs(companyPackage)
  return {
    rootPath,
    manifest: buildManifest(companyPackage, includes, { companyId: company.id, companyName: company.name }, envInputs),
    files,
    warnings,
    paperclipExtensionPath: EXTENSION_PATH,
  }
}

type Inventory = { path: string; kind: 'company' | 'agent' | 'project' | 'issue' | 'routine' | 'skill' | 'extension' }[]

/** An export together with the list and the numbers of its files. */
export async function previewExport(ctx: Ctx, request: ExportRequest) {
  const exported = await exportCompany(ctx, request)
  const { agents, projects, issues, routines, skills } = exported.manifest
  const paths = Object.keys(exported.files)
  const ofRoutines = new Set(routines.map((routine) => routine.path))
  const kindOf = (path: string): Inventory[number]['kind'] => {
    if (path === COMPANY_PATH) return 'company'
    if (path === EXTENSION_PATH) return 'extension'
    if (path.startsWith('skills/')) return 'skill'
    if (ofRoutines.has(path)) return 'routine'
    return path.startsWith('agents/') ? 'agent' : path.startsWith('projects/') ? 'project' : 'issue'
  }
  const fileInventory: Inventory = paths.map((path) => ({ path, kind: kindOf(path) }))
  const counts = {
    files: paths.length,
    agents: agents.length,
    skills: skills.length,
    projects: projects.length,
    issues: issues.length,
    routines: routines.length,
  }
  return { ...exported, fileInventory, counts }
}
