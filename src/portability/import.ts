import { agentCreated, applyConfiguration, createAgentBody, insertAgent, lockAgents } from '../agents/index.ts'
import { applyToCompany, companyById, insertCompany, lockCompany } from '../companies/index.ts'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { changed, mutate } from '../db/mutate.ts'
import type { Tx } from '../db/mutate.ts'
import { insertIssue, replaceBlockersOf } from '../issues/index.ts'
import { insertLabel } from '../labels/index.ts'
import { notFound, refuse } from '../kernel/errors.ts'
import type { DomainEvent } from '../kernel/event.ts'
import { applyToProject, insertProject, insertWorkspace } from '../projects/index.ts'
import { judgeActingRun } from '../runs/index.ts'
import { companyImported } from './events.ts'
import { envInputsOf, manifestOf } from './manifest.ts'
import { planImport } from './plan.ts'
import type { Plan, Step } from './plan.ts'
import type { ProjectPart } from './package.ts'
import { presentIn } from './rows.ts'
import type { Present } from './rows.ts'
import type { Imported, ImportOrder, ImportPreview } from './views.ts'

/** Which of the two doors a package comes in by. */
export type Door = 'board' | 'agent_safe'

/**
 * Judges an order by what it asks for alone, and finds the company it is for.
 * @returns the company's id, or null for one that is yet to be made
 */
function targetOf(ctx: Ctx, order: ImportOrder, door: Door): string | null {
  const { actor } = ctx
  if (door === 'agent_safe') {
    if (order.collisionStrategy === 'replace')
      refuse('forbidden', { message: 'Safe import routes do not allow replace collision strategy' })
    if (order.target.mode !== 'existing_company' || order.target.companyId !== companyOf(ctx))
      refuse('forbidden', { message: 'Safe import routes import into the company of their path only' })
  } else if (order.target.mode === 'new_company' && !(actor.kind === 'board' && actor.isAdmin)) refuse('admin_required')
  if (order.source.type !== 'inline')
    refuse('unprocessable', { message: 'This server opens no URL for an import: send the files of the package inline' })
  return order.target.mode === 'new_company' ? null : order.target.companyId
}

/** Refuses agents that an agent brings in where the board wants to decide on each. */
const needsBoard = (ctx: Ctx, plan: Plan, requiresApproval: boolean): boolean =>
  ctx.actor.kind === 'agent' && requiresApproval && plan.agents.some((step) => step.action === 'create')

const HIRE_INSTEAD = 'The board of this company decides on new agents: use POST /api/companies/:companyId/agent-hires'

/** What an import would do; nothing is written. @throws Refusal `not_found`, `forbidden`, `admin_required`, `unprocessable` */
export async function previewImport(ctx: Ctx, order: ImportOrder, door: Door): Promise<ImportPreview> {
  const companyId = targetOf(ctx, order, door)
  const db = ctx.store.read
  const company = companyId === null ? null : await companyById(db, companyId)
  const plan = planImport(ctx.actor, order, companyId === null ? null : await presentIn(db, companyId))
  const envInputs = envInputsOf(plan.pack)
  const blocked = needsBoard(ctx, plan, company?.requireBoardApprovalForNewAgents ?? false)
  return {
    include: plan.include,
    targetCompanyId: companyId,
    targetCompanyName: company?.name ?? plan.company.name,
    collisionStrategy: order.collisionStrategy,
    selectedAgentSlugs: plan.agents.map((step) => step.part.slug),
    plan: {
      companyAction: plan.company.action,
      agentPlans: plan.agents.map(({ part, action, name, existingId, reason }) => ({
        slug: part.slug,
        action,
        plannedName: name,
        existingAgentId: existingId,
        reason,
      })),
      projectPlans: plan.projects.map(({ part, action, name, existingId, reason }) => ({
        slug: part.slug,
        action,
        plannedName: name,
        existingProjectId: existingId,
        reason,
      })),
      issuePlans: plan.issues.map(({ slug, title }) => ({ slug, action: 'create', plannedTitle: title, reason: null })),
    },
    manifest: manifestOf(plan.pack, plan.include, null, envInputs),
    files: {},
    envInputs,
    warnings: [...plan.warnings],
    errors: [...plan.errors, ...(blocked ? [HIRE_INSTEAD] : [])],
  }
}

/** An import on its way: where it goes, what it has made by slug, and what has happened. */
interface Journey {
  readonly tx: Tx
  readonly ctx: Ctx
  readonly plan: Plan
  readonly present: Present
  readonly events: DomainEvent[]
  readonly warnings: string[]
  readonly agentIds: Map<string, string>
  readonly projectIds: Map<string, string>
}

/** The row that a slug means: of the package, or one that the company has had. */
const found = (
  made: ReadonlyMap<string, string>,
  had: readonly { id: string; urlKey: string }[],
  slug: string | null | undefined,
): string | null => (slug ? (made.get(slug) ?? had.find((row) => row.urlKey === slug)?.id ?? null) : null)

const managerOf = ({ agentIds, present }: Journey, slug: string | null | undefined): string | null =>
  found(
    agentIds,
    present.agents.filter((agent) => agent.isOpen),
    slug,
  )

const past = { create: 'created', update: 'updated', skip: 'skipped' } as const

async function bringAgents(journey: Journey): Promise<Imported['agents']> {
  const { tx, ctx, plan, events, agentIds, warnings } = journey
  const targets = plan.agents.filter((step) => step.action === 'update').map((step) => step.existingId ?? '')
  const locked = await lockAgents(tx, companyOf(ctx), targets)
  const told: Imported['agents'] = []
  for (const { part, action, name, existingId, reason } of plan.agents) {
    const { slug, path: _, reportsTo: manager, ...fields } = part
    const reportsTo = managerOf(journey, manager)
    if (manager && reportsTo === null) warnings.push(`${part.path}: its manager ${manager} is not here`)
    let id = existingId
    if (action === 'create') {
      const { success, data: wanted } = createAgentBody.safeParse({ ...fields, name, reportsTo })
      if (!success) refuse('package_invalid', { details: { errors: [`${part.path}: the chosen adapter is not known here`] } })
      const agent = await insertAgent(tx, ctx, wanted, 'idle')
      id = agent.id
      const { role, adapterType } = agent
      events.push(agentCreated(id, { name: agent.name, role, adapterType, reportsTo: agent.reportsTo }, { agentId: id }))
    } else if (action === 'update') {
      const before = locked.find((agent) => agent.id === existingId)
      if (before === undefined) throw notFound('Agent')
      const { name: _name, permissions: _permissions, ...patch } = fields
      // A manager that would stand below the agent is refused, as by any other change.
      const wanted = { ...patch, ...(reportsTo === null || reportsTo === before.id ? {} : { reportsTo }) }
      events.push(...(await applyConfiguration(tx, ctx, before, wanted, { source: 'patch' })).events)
    }
    if (id === null) continue
    agentIds.set(slug, id)
    told.push({ slug, id, action: past[action], name, reason })
  }
  return told
}

async function bringProject(journey: Journey, { part, action, name, existingId }: Step<ProjectPart>): Promise<string> {
  const { tx, ctx, events, warnings } = journey
  const { slug: _, path, lead, workspaces = [], ...fields } = part
  const leadAgentId = managerOf(journey, lead)
  if (lead && leadAgentId === null) warnings.push(`${path}: its lead ${lead} is not here`)
  if (existingId !== null) {
    if (action === 'skip') return existingId
    const { name: _name, ...patch } = fields
    events.push(...(await applyToProject(tx, ctx, existingId, { ...patch, ...(leadAgentId === null ? {} : { leadAgentId }) })))
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

async function bringProjects(journey: Journey): Promise<Imported['projects']> {
  const told: Imported['projects'] = []
  for (const step of journey.plan.projects) {
    const id = await bringProject(journey, step)
    journey.projectIds.set(step.part.slug, id)
    told.push({ slug: step.part.slug, id, action: past[step.action], name: step.name, reason: step.reason })
  }
  return told
}

const ANY_COLOR = '#6366f1'

/** Ids of the labels that a package names, by name in lower case; what is not there is made. */
async function bringLabels({ tx, ctx, plan, present, events }: Journey): Promise<ReadonlyMap<string, string>> {
  const ids = new Map(present.labels.map((label) => [label.name, label.id]))
  for (const name of plan.issues.flatMap((issue) => issue.labels ?? [])) {
    if (ids.has(name.toLowerCase())) continue
    const { id, event } = await insertLabel(tx, companyOf(ctx), { name, color: plan.pack.labelColors[name.toLowerCase()] ?? ANY_COLOR })
    ids.set(name.toLowerCase(), id)
    events.push(event)
  }
  return ids
}

/** Issues come in open and unheld, and wake nobody: what is to be done is the package's word, when is the company's. */
async function bringIssues(journey: Journey): Promise<Imported['issues']> {
  const { tx, ctx, plan, present, events, warnings, projectIds } = journey
  const labelIds = await bringLabels(journey)
  const made = new Map<string, { id: string; identifier: string }>()
  const told: Imported['issues'] = []
  for (const part of plan.issues) {
    const { slug, path, project, assignee, parent, blockedBy: _, labels, ...fields } = part
    const assigneeAgentId = managerOf(journey, assignee)
    const projectId = found(projectIds, present.projects, project)
    for (const [what, name, id] of [
      ['assignee', assignee, assigneeAgentId],
      ['project', project, projectId],
    ] as const)
      if (name && id === null) warnings.push(`${path}: its ${what} ${name} is not here`)
    const wanted = {
      ...fields,
      status: fields.status === 'in_progress' ? ('todo' as const) : fields.status,
      assigneeAgentId,
      projectId,
      parentId: parent ? (made.get(parent)?.id ?? null) : null,
      labelIds: (labels ?? []).flatMap((name) => labelIds.get(name.toLowerCase()) ?? []),
    }
    const inserted = await insertIssue(tx, ctx, wanted, { quietly: true })
    made.set(slug, inserted)
    events.push(...inserted.events)
    told.push({ slug, id: inserted.id, identifier: inserted.identifier, action: 'created', title: part.title })
  }
  // Blocked and blocking are both rows of this transaction, which nobody else can see, so neither needs a lock.
  for (const { slug, blockedBy } of plan.issues) {
    const issue = made.get(slug)
    const blockerIds = (blockedBy ?? []).flatMap((blocker) => made.get(blocker)?.id ?? [])
    if (issue !== undefined && blockerIds.length > 0) events.push(...(await replaceBlockersOf(tx, issue, blockerIds)))
  }
  return told
}

async function openCompany(tx: Tx, ctx: Ctx, plan: Plan, companyId: string | null): Promise<{ id: string; events: DomainEvent[] }> {
  const { part, name } = plan.company
  const rest = {
    ...(part?.brandColor ? { brandColor: part.brandColor } : {}),
    ...(part?.requireBoardApprovalForNewAgents === undefined
      ? {}
      : { requireBoardApprovalForNewAgents: part.requireBoardApprovalForNewAgents }),
  }
  if (companyId === null) {
    const budgetMonthlyCents = part?.budgetMonthlyCents ?? 0
    const made = await insertCompany(tx, ctx, { name: name ?? 'Company', description: part?.description, budgetMonthlyCents })
    await lockCompany(tx, made.id)
    return { id: made.id, events: [made.event, ...(await applyToCompany(tx, ctx, made.id, rest))] }
  }
  if (plan.company.action !== 'update' || part === null) return { id: companyId, events: [] }
  const { name: _, description, budgetMonthlyCents } = part
  return { id: companyId, events: await applyToCompany(tx, ctx, companyId, { description, budgetMonthlyCents, ...rest }) }
}

/**
 * Imports a package: a new company, or what it holds into one that is there. One transaction makes all of it or nothing;
 * nobody is woken by it. What the host would run comes in by the board's word alone (I18).
 *
 * @throws Refusal `forbidden`, `admin_required`, `not_found`, `company_not_active`, `approval_required`;
 *   `package_invalid` with the list of what is wrong
 */
export async function importPackage(ctx: Ctx, order: ImportOrder, door: Door): Promise<Imported> {
  const targetId = targetOf(ctx, order, door)
  const none: Present = { agents: [], projects: [], labels: [] }
  return await mutate<Imported>(ctx, async (tx) => {
    if (targetId !== null) await demandOpen(tx, targetId)
    const present = targetId === null ? none : await presentIn(tx, targetId)
    const plan = planImport(ctx.actor, order, targetId === null ? null : present)
    if (plan.errors.length > 0) refuse('package_invalid', { details: { errors: plan.errors.slice(0, 100) } })
    const opened = await openCompany(tx, ctx, plan, targetId)
    const inside: Ctx = { ...ctx, companyId: opened.id }
    const { requireBoardApprovalForNewAgents } = await companyById(tx, opened.id)
    if (needsBoard(ctx, plan, requireBoardApprovalForNewAgents)) refuse('approval_required', { message: HIRE_INSTEAD })
    const journey: Journey = {
      tx,
      ctx: inside,
      plan,
      present,
      events: [...opened.events],
      warnings: [...plan.warnings],
      agentIds: new Map(),
      projectIds: new Map(),
    }
    const agents = await bringAgents(journey)
    const projects = await bringProjects(journey)
    const issues = await bringIssues(journey)
    await judgeActingRun(tx, inside)
    const { events, warnings } = journey
    const action = targetId === null ? 'created' : opened.events.length > 0 ? 'updated' : 'unchanged'
    const company = { id: opened.id, name: (await companyById(tx, opened.id)).name, action } as const
    const counts = { agents: agents.length, projects: projects.length, issues: issues.length, warnings: warnings.length }
    const imported = companyImported(opened.id, {
      companyAction: action,
      importMode: door,
      collisionStrategy: order.collisionStrategy,
      ...counts,
    })
    const inCompany = [imported, ...events].map((event) => ({ ...event, companyId: opened.id }))
    return changed(
      { company, agents, projects, issues, envInputs: envInputsOf(plan.pack), warnings },
      ...(inCompany as [DomainEvent, ...DomainEvent[]]),
    )
  })
}

async function demandOpen(tx: Tx, companyId: string): Promise<void> {
  const company = await lockCompany(tx, companyId)
  if (company.status === 'archived') refuse('company_not_active', { message: 'Company is archived' })
}
