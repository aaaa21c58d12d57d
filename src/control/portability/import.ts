import { agentCreated, applyConfiguration, createAgentBody, insertAgent, lockAgents } from '../../org/agents/index.ts'
import { applyCompanyPatch, companyById, insertCompany, lockCompany } from '../../org/companies/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import { insertIssue, replaceBlockersOf } from '../../work/issues/index.ts'
import { insertLabel } from '../../org/labels/index.ts'
import { notFound, refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { applyProjectPatch, insertProject, insertWorkspace } from '../../org/projects/index.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { companyImported } from './events.ts'
import { collectEnvInputs, buildManifest } from './manifest.ts'
import { planImport } from './plan.ts'
import type { ImportPlan, PlannedEntry } from './plan.ts'
import type { ProjectEntry } from './package.ts'
import { loadExistingRows } from './rows.ts'
import type { ExistingRows } from './rows.ts'
import type { ImportResult, ImportRequest, ImportPreview } from './views.ts'

/** Which of the two doors a package comes in by. */
export type ImportChannel = 'board' | 'agent_safe'

/**
 * Judges an order by what it asks for alone, and finds the company it is for.
 * @returns the company's id, or null for one that is yet to be made
 */
function resolveTarget(ctx: Ctx, request: ImportRequest, channel: ImportChannel): string | null {
  const { actor } = ctx
  if (channel === 'agent_safe') {
    if (request.collisionStrategy === 'replace')
      refuse('forbidden', { message: 'Safe import routes do not allow replace collision strategy' })
    if (request.target.mode !== 'existing_company' || request.target.companyId !== companyOf(ctx))
      refuse('forbidden', { message: 'Safe import routes import into the company of their path only' })
  } else if (request.target.mode === 'new_company' && !(actor.kind === 'board' && actor.isAdmin)) refuse('admin_required')
  if (request.source.type !== 'inline')
    refuse('unprocessable', { message: 'This server opens no URL for an import: send the files of the package inline' })
  return request.target.mode === 'new_company' ? null : request.target.companyId
}

/** Refuses agents that an agent brings in where the board wants to decide on each. */
const needsBoardApproval = (ctx: Ctx, plan: ImportPlan, requiresApproval: boolean): boolean =>
  ctx.actor.kind === 'agent' && requiresApproval && plan.agents.some((step) => step.action === 'create')

const HIRE_INSTEAD = 'The board of this company decides on new agents: use POST /api/companies/:companyId/agent-hires'

/** What an import would do; nothing is written. @throws Refusal `not_found`, `forbidden`, `admin_required`, `unprocessable` */
export async function previewImport(ctx: Ctx, request: ImportRequest, channel: ImportChannel): Promise<ImportPreview> {
  const companyId = resolveTarget(ctx, request, channel)
  const db = ctx.store.read
  const company = companyId === null ? null : await companyById(db, companyId)
  const plan = planImport(ctx.actor, request, companyId === null ? null : await loadExistingRows(db, companyId))
  const envInputs = collectEnvInputs(plan.companyPackage)
  const isBlocked = needsBoardApproval(ctx, plan, company?.requireBoardApprovalForNewAgents ?? false)
  return {
    include: plan.include,
    targetCompanyId: companyId,
    targetCompanyName: company?.name ?? plan.company.name,
    collisionStrategy: request.collisionStrategy,
    selectedAgentSlugs: plan.agents.map((step) => step.entry.slug),
    plan: {
      companyAction: plan.company.action,
      agentPlans: plan.agents.map(({ entry, action, name, existingId, reason }) => ({
        slug: entry.slug,
        action,
        plannedName: name,
        existingAgentId: existingId,
        reason,
      })),
      projectPlans: plan.projects.map(({ entry, action, name, existingId, reason }) => ({
        slug: entry.slug,
        action,
        plannedName: name,
        existingProjectId: existingId,
        reason,
      })),
      issuePlans: plan.issues.map(({ slug, title }) => ({ slug, action: 'create', plannedTitle: title, reason: null })),
    },
    manifest: buildManifest(plan.companyPackage, plan.include, null, envInputs),
    files: {},
    envInputs,
    warnings: [...plan.warnings],
    errors: [...plan.errors, ...(isBlocked ? [HIRE_INSTEAD] : [])],
  }
}

/** An import on its way: where it goes, what it has made by slug, and what has happened. */
interface ImportState {
  readonly tx: Tx
  readonly ctx: Ctx
  readonly plan: ImportPlan
  readonly existing: ExistingRows
  readonly events: DomainEvent[]
  readonly warnings: string[]
  readonly agentIds: Map<string, string>
  readonly projectIds: Map<string, string>
}

/** The row that a slug means: of the package, or one that the company has had. */
const findRowId = (
  createdIds: ReadonlyMap<string, string>,
  existingRows: readonly { id: string; urlKey: string }[],
  slug: string | null | undefined,
): string | null => (slug ? (createdIds.get(slug) ?? existingRows.find((row) => row.urlKey === slug)?.id ?? null) : null)

const managerOf = ({ agentIds, existing }: ImportState, slug: string | null | undefined): string | null =>
  findRowId(
    agentIds,
    existing.agents.filter((agent) => agent.isOpen),
    slug,
  )

const pastTense = { create: 'created', update: 'updated', skip: 'skipped' } as const

async function importAgents(state: ImportState): Promise<ImportResult['agents']> {
  const { tx, ctx, plan, events, agentIds, warnings } = state
  const targets = plan.agents.filter((step) => step.action === 'update').map((step) => step.existingId ?? '')
  const locked = await lockAgents(tx, companyOf(ctx), targets)
  const results: ImportResult['agents'] = []
  for (const { entry, action, name, existingId, reason } of plan.agents) {
    const { slug, path: _, reportsTo: manager, ...fields } = entry
    const reportsTo = managerOf(state, manager)
    if (manager && reportsTo === null) warnings.push(`${entry.path}: its manager ${manager} is not here`)
    let id = existingId
    if (action === 'create') {
      const { success, data: values } = createAgentBody.safeParse({ ...fields, name, reportsTo })
      if (!success) refuse('package_invalid', { details: { errors: [`${entry.path}: the chosen adapter is not known here`] } })
      const agent = await insertAgent(tx, ctx, values, 'idle')
      id = agent.id
      const { role, adapterType } = agent
      events.push(agentCreated(id, { name: agent.name, role, adapterType, reportsTo: agent.reportsTo }, { agentId: id }))
    } else if (action === 'update') {
      const before = locked.find((agent) => agent.id === existingId)
      if (before === undefined) throw notFound('Agent')
      const { name: _name, permissions: _permissions, ...patch } = fields
      // A manager that would stand below the agent is refused, as by any other change.
      const values = { ...patch, ...(reportsTo === null || reportsTo === before.id ? {} : { reportsTo }) }
      events.push(...(await applyConfiguration(tx, ctx, before, { patch: values, origin: { source: 'patch' } })).events)
    }
    if (id === null) continue
    agentIds.set(slug, id)
    results.push({ slug, id, action: pastTense[action], name, reason })
  }
  return results
}

async function importProject(state: ImportState, { entry, action, name, existingId }: PlannedEntry<ProjectEntry>): Promise<string> {
  const { tx, ctx, events, warnings } = state
  const { slug: _, path, lead, workspaces = [], ...fields } = entry
  const leadAgentId = managerOf(state, lead)
  if (lead && leadAgentId === null) warnings.push(`${path}: its lead ${lead} is not here`)
  if (existingId !== null) {
    if (action === 'skip') return existingId
    const { name: _name, ...patch } = fields
    events.push(...(await applyProjectPatch(tx, ctx, existingId, { ...patch, ...(leadAgentId === null ? {} : { leadAgentId }) })))
    if (workspaces.length > 0) warnings.push(`${path}: the project keeps the workspaces it has`)
    return existingId
  }
  const [workspace, ...others] = workspaces
  const { project, event } = await insertProject(tx, ctx, {
    ...fields,
    name,
    leadAgentId,
    ...(workspace === undefined ? {} : { workspace }),
  })
  for (const other of others) await insertWorkspace(tx, { companyId: companyOf(ctx), projectId: project.id }, other)
  events.push(event)
  return project.id
}

async function importProjects(state: ImportState): Promise<ImportResult['projects']> {
  const results: ImportResult['projects'] = []
  for (const step of state.plan.projects) {
    const id = await importProject(state, step)
    state.projectIds.set(step.entry.slug, id)
    results.push({ slug: step.entry.slug, id, action: pastTense[step.action], name: step.name, reason: step.reason })
  }
  return results
}

const DEFAULT_LABEL_COLOR = '#6366f1'

/** Ids of the labels that a package names, by name in lower case; what is not there is made. */
async function importLabels({ tx, ctx, plan, existing, events }: ImportState): Promise<ReadonlyMap<string, string>> {
  const ids = new Map(existing.labels.map((label) => [label.name, label.id]))
  for (const name of plan.issues.flatMap((issue) => issue.labels ?? [])) {
    if (ids.has(name.toLowerCase())) continue
    const { id, event } = await insertLabel(tx, companyOf(ctx), {
      name,
      color: plan.companyPackage.labelColors[name.toLowerCase()] ?? DEFAULT_LABEL_COLOR,
    })
    ids.set(name.toLowerCase(), id)
    events.push(event)
  }
  return ids
}

/** Issues come in open and unheld, and wake nobody: what is to be done is the package's word, when is the company's. */
async function importIssues(state: ImportState): Promise<ImportResult['issues']> {
  const { tx, ctx, plan, existing, events, warnings, projectIds } = state
  const labelIds = await importLabels(state)
  const createdIssues = new Map<string, { id: string; identifier: string }>()
  const results: ImportResult['issues'] = []
  for (const entry of plan.issues) {
    const { slug, path, project, assignee, parent, blockedBy: _, labels, ...fields } = entry
    const assigneeAgentId = managerOf(state, assignee)
    const projectId = findRowId(projectIds, existing.projects, project)
    for (const [what, name, id] of [
      ['assignee', assignee, assigneeAgentId],
      ['project', project, projectId],
    ] as const)
      if (name && id === null) warnings.push(`${path}: its ${what} ${name} is not here`)
    const values = {
      ...fields,
      status: fields.status === 'in_progress' ? ('todo' as const) : fields.status,
      assigneeAgentId,
      projectId,
      parentId: parent ? (createdIssues.get(parent)?.id ?? null) : null,
      labelIds: (labels ?? []).flatMap((name) => labelIds.get(name.toLowerCase()) ?? []),
    }
    const inserted = await insertIssue(tx, ctx, values, { suppressWakes: true })
    createdIssues.set(slug, inserted)
    events.push(...inserted.events)
    results.push({ slug, id: inserted.id, identifier: inserted.identifier, action: 'created', title: entry.title })
  }
  // Blocked and blocking are both rows of this transaction, which nobody else can see, so neither needs a lock.
  for (const { slug, blockedBy } of plan.issues) {
    const issue = createdIssues.get(slug)
    const blockerIds = (blockedBy ?? []).flatMap((blocker) => createdIssues.get(blocker)?.id ?? [])
    if (issue !== undefined && blockerIds.length > 0) events.push(...(await replaceBlockersOf(tx, issue, blockerIds)))
  }
  return results
}

async function prepareCompany(
  tx: Tx,
  ctx: Ctx,
  plan: ImportPlan,
  companyId: string | null,
): Promise<{ id: string; events: DomainEvent[] }> {
  const { entry, name } = plan.company
  const rest = {
    ...(entry?.brandColor ? { brandColor: entry.brandColor } : {}),
    ...(entry?.requireBoardApprovalForNewAgents === undefined
      ? {}
      : { requireBoardApprovalForNewAgents: entry.requireBoardApprovalForNewAgents }),
  }
  if (companyId === null) {
    const budgetMonthlyCents = entry?.budgetMonthlyCents ?? 0
    const createdCompany = await insertCompany(tx, ctx, { name: name ?? 'Company', description: entry?.description, budgetMonthlyCents })
    await lockCompany(tx, createdCompany.id)
    return { id: createdCompany.id, events: [createdCompany.event, ...(await applyCompanyPatch(tx, ctx, createdCompany.id, rest))] }
  }
  if (plan.company.action !== 'update' || entry === null) return { id: companyId, events: [] }
  const { name: _, description, budgetMonthlyCents } = entry
  return { id: companyId, events: await applyCompanyPatch(tx, ctx, companyId, { description, budgetMonthlyCents, ...rest }) }
}

/**
 * Imports a package: a new company, or what it holds into one that is there. One transaction makes all of it or nothing;
 * nobody is woken by it. What the host would run comes in by the board's word alone (I18).
 *
 * @throws Refusal `forbidden`, `admin_required`, `not_found`, `company_not_active`, `approval_required`;
 *   `package_invalid` with the list of what is wrong
 */
export async function importPackage(ctx: Ctx, request: ImportRequest, channel: ImportChannel): Promise<ImportResult> {
  const targetId = resolveTarget(ctx, request, channel)
  const noRows: ExistingRows = { agents: [], projects: [], labels: [] }
  return await mutate<ImportResult>(ctx, async (tx) => {
    if (targetId !== null) await requireOpenCompany(tx, targetId)
    const existing = targetId === null ? noRows : await loadExistingRows(tx, targetId)
    const plan = planImport(ctx.actor, request, targetId === null ? null : existing)
    if (plan.errors.length > 0) refuse('package_invalid', { details: { errors: plan.errors.slice(0, 100) } })
    const targetCompany = await prepareCompany(tx, ctx, plan, targetId)
    const companyCtx: Ctx = { ...ctx, companyId: targetCompany.id }
    const { requireBoardApprovalForNewAgents } = await companyById(tx, targetCompany.id)
    if (needsBoardApproval(ctx, plan, requireBoardApprovalForNewAgents)) refuse('approval_required', { message: HIRE_INSTEAD })
    const state: ImportState = {
      tx,
      ctx: companyCtx,
      plan,
      existing,
      events: [...targetCompany.events],
      warnings: [...plan.warnings],
      agentIds: new Map(),
      projectIds: new Map(),
    }
    const agents = await importAgents(state)
    const projects = await importProjects(state)
    const issues = await importIssues(state)
    await requireActingRun(tx, companyCtx)
    const { events, warnings } = state
    const action = targetId === null ? 'created' : targetCompany.events.length > 0 ? 'updated' : 'unchanged'
    const company = { id: targetCompany.id, name: (await companyById(tx, targetCompany.id)).name, action } as const
    const counts = { agents: agents.length, projects: projects.length, issues: issues.length, warnings: warnings.length }
    const imported = companyImported(targetCompany.id, {
      companyAction: action,
      importMode: channel,
      collisionStrategy: request.collisionStrategy,
      ...counts,
    })
    const inCompany = [imported, ...events].map((event) => ({ ...event, companyId: targetCompany.id }))
    return changed(
      { company, agents, projects, issues, envInputs: collectEnvInputs(plan.companyPackage), warnings },
      ...(inCompany as [DomainEvent, ...DomainEvent[]]),
    )
  })
}

async function requireOpenCompany(tx: Tx, companyId: string): Promise<void> {
  const company = await lockCompany(tx, companyId)
  if (company.status === 'archived') refuse('company_not_active', { message: 'Company is archived' })
}
