import { actorIn } from '../../auth/roles.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { companyById, lockUnarchivedCompany } from '../../org/companies/index.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changedIfAny, mutate } from '../../platform/db/mutate.ts'
import type { Ctx } from '../../platform/db/types.ts'
import { invariant, refuse } from '../../platform/kernel/errors.ts'
import { companyImported } from './events.ts'
import { importAgents } from './importAgents.ts'
import { createTurns } from '../../platform/kernel/turns.ts'
import { prepareCompany } from './importCompany.ts'
import { importGoals } from './importGoals.ts'
import { importIssues } from './importIssues.ts'
import { importRoutines } from './importRoutines.ts'
import { importPackageSkills } from './importSkills.ts'
import { importProjects } from './importProjects.ts'
import { idsByUrlKey } from './importState.ts'
import type { ImportState } from './importState.ts'
import { collectEnvInputs, buildManifest } from './manifest.ts'
import { planImport, readPackage } from './plan.ts'
import type { ImportPlan } from './plan.ts'
import { loadExistingRows } from './rows.ts'
import type { ExistingRows } from './rows.ts'
import type { ImportResult, ImportRequest, ImportPreview } from './views.ts'

/** The routes by which a package is imported: those of the board, or those that a CEO may use, too. */
export type ImportChannel = 'board' | 'agent_safe'

/**
 * Checks what can be checked of a request without a database, and finds its company.
 * @returns the company's id, or null for a new company
 * @throws Refusal `forbidden`, `admin_required`, `unprocessable`
 */
function resolveTarget(ctx: Ctx, request: ImportRequest, channel: ImportChannel): string | null {
  if (channel === 'agent_safe') {
    if (request.collisionStrategy === 'replace')
      refuse('forbidden', { message: 'Safe import routes do not allow replace collision strategy' })
    if (request.target.mode !== 'existing_company' || request.target.companyId !== companyOf(ctx))
      refuse('forbidden', { message: 'Safe import routes import into the company of their path only' })
  } else requireTarget(ctx, request.target)
  if (request.source.type !== 'inline')
    refuse('unprocessable', { message: 'This server opens no URL for an import: send the files of the package inline' })
  return request.target.mode === 'new_company' ? null : request.target.companyId
}

/** The company stands in the body, so no scope has checked it. @throws Refusal `admin_required`, `not_found`, `role_missing` */
function requireTarget({ actor }: Ctx, target: ImportRequest['target']): void {
  invariant(actor.kind === 'board', 'only people import into any company')
  if (target.mode === 'new_company') {
    if (!actor.isAdmin) refuse('admin_required')
    return
  }
  if (actor.companies !== null && !actor.companies.has(target.companyId)) refuse('not_found', { message: 'Company not found' })
  actorIn(actor, 'company.import', target.companyId)
}

/** Whether an agent imports new agents into a company where the board approves each new agent. */
const needsBoardApproval = (ctx: Ctx, plan: ImportPlan, requiresApproval: boolean): boolean =>
  ctx.actor.kind === 'agent' && requiresApproval && plan.agents.some((step) => step.action === 'create')

const HIRE_INSTEAD = 'The board of this company decides on new agents: use POST /api/companies/:companyId/agent-hires'

/** The plan as clients see it. */
const planView = ({ company, agents, projects, issues, routines, skills }: ImportPlan): ImportPreview['plan'] => ({
  companyAction: company.action,
  agentPlans: agents.map(({ entry, action, name, existingId, reason }) => ({
    slug: entry.slug,
    action,
    plannedName: name,
    existingAgentId: existingId,
    reason,
  })),
  projectPlans: projects.map(({ entry, action, name, existingId, reason }) => ({
    slug: entry.slug,
    action,
    plannedName: name,
    existingProjectId: existingId,
    reason,
  })),
  skillPlans: skills.map(({ draft, action, existingId, reason }) => ({ slug: draft.slug, action, existingSkillId: existingId, reason })),
  routinePlans: routines.map(({ entry: { slug, title }, action, existingId, reason }) => ({
    slug,
    action,
    plannedTitle: title,
    existingRoutineId: existingId,
    reason,
  })),
  issuePlans: issues.map(({ slug, title }) => ({ slug, action: 'create', plannedTitle: title, reason: null })),
})

const noRows: ExistingRows = { agents: [], projects: [], labels: [], goals: [], routines: [], skills: [] }

/** Shows the plan of an import and writes nothing. @throws Refusal `not_found`, `forbidden`, `admin_required`, `unprocessable` */
export async function previewImport(ctx: Ctx, request: ImportRequest, channel: ImportChannel): Promise<ImportPreview> {
  const companyId = resolveTarget(ctx, request, channel)
  const db = ctx.store.read
  const company = companyId === null ? null : await companyById(db, companyId)
  // Each part of the work takes milliseconds, and together they would keep the event loop for a tenth of a second (I22).
  const turns = createTurns()
  const companyPackage = await readPackage(ctx.actor, request)
  await turns.yieldIfDue()
  const plan = planImport(ctx.actor, request, companyPackage, companyId === null ? noRows : await loadExistingRows(db, companyId))
  await turns.yieldIfDue()
  const envInputs = await collectEnvInputs(companyPackage)
  await turns.yieldIfDue()
  const isBlocked = needsBoardApproval(ctx, plan, company?.requireBoardApprovalForNewAgents ?? false)
  return {
    include: plan.include,
    targetCompanyId: companyId,
    targetCompanyName: company?.name ?? plan.company.name,
    collisionStrategy: request.collisionStrategy,
    selectedAgentSlugs: plan.agents.map((step) => step.entry.slug),
    plan: planView(plan),
    manifest: buildManifest(plan.companyPackage, plan.include, null, envInputs),
    files: {},
    envInputs,
    warnings: [...plan.warnings],
    errors: [...plan.errors, ...(isBlocked ? [HIRE_INSTEAD] : [])],
  }
}

/**
 * Imports a package as a new company or into an existing one, in one transaction. It wakes no agent. Only the board imports
 * settings of what the host runs (I18).
 *
 * @throws Refusal `forbidden`, `admin_required`, `not_found`, `company_not_active`, `approval_required`;
 *   `package_invalid` with the list of errors; `vault_locked` for a webhook while the vault is
 */
export async function importPackage(ctx: Ctx, request: ImportRequest, channel: ImportChannel): Promise<ImportResult> {
  const targetId = resolveTarget(ctx, request, channel)
  // The part that needs no row comes before the transaction, because that holds the company's lock.
  const companyPackage = await readPackage(ctx.actor, request)
  const envInputs = await collectEnvInputs(companyPackage)
  return await mutate<ImportResult>(ctx, async (tx) => {
    if (targetId !== null) await lockUnarchivedCompany(tx, targetId)
    const existing = targetId === null ? noRows : await loadExistingRows(tx, targetId)
    const plan = planImport(ctx.actor, request, companyPackage, existing)
    if (plan.errors.length > 0) refuse('package_invalid', { details: { errors: plan.errors.slice(0, 100) } })
    const { id: companyId, events: companyEvents } = await prepareCompany(tx, ctx, plan, targetId)
    const { requireBoardApprovalForNewAgents } = await companyById(tx, companyId)
    if (needsBoardApproval(ctx, plan, requireBoardApprovalForNewAgents)) refuse('approval_required', { message: HIRE_INSTEAD })
    const state: ImportState = {
      tx,
      ctx: { ...ctx, companyId },
      plan,
      existing,
      events: [...companyEvents],
      warnings: [...plan.warnings],
      agentIds: idsByUrlKey(existing.agents.filter((agent) => agent.isOpen)),
      projectIds: idsByUrlKey(existing.projects),
      goalIds: new Map(),
    }
    const skills = await importPackageSkills(state)
    const agents = await importAgents(state)
    await importGoals(state)
    const projects = await importProjects(state)
    const issues = await importIssues(state)
    const routines = await importRoutines(state, issues)
    await requireActingRun(tx, state.ctx)
    const { events, warnings } = state
    const action = targetId === null ? 'created' : companyEvents.length > 0 ? 'updated' : 'unchanged'
    const company = { id: companyId, name: (await companyById(tx, companyId)).name, action } as const
    const imported = companyImported(companyId, {
      companyAction: action,
      importMode: channel,
      collisionStrategy: request.collisionStrategy,
      agents: agents.length,
      projects: projects.length,
      issues: issues.length,
      warnings: warnings.length,
    })
    return changedIfAny(
      { company, agents, projects, issues, routines, skills, envInputs, warnings },
      [imported, ...events].map((event) => ({ ...event, companyId })),
    )
  })
}
