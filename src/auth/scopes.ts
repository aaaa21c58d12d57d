// The scopes of routes: how a path becomes the row and the company that a request is about.

import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'
import { z } from 'zod'
import type { Actor } from '../platform/kernel/actor.ts'
import { refuse } from '../platform/kernel/errors.ts'
import { agents } from '../model/agents.ts'
import { approvals } from '../model/approvals.ts'
import { assets, attachments } from '../model/assets.ts'
import { companies } from '../model/companies.ts'
import { isCompanyDeleted } from '../model/deletions.ts'
import { traces } from '../model/feedback.ts'
import { invites } from '../model/invites.ts'
import { issues, labels } from '../model/issues.ts'
import { goals, projects } from '../model/projects.ts'
import { routines, routineTriggers } from '../model/routines.ts'
import { runs } from '../model/runs.ts'
import { secrets } from '../model/secrets.ts'
import { webhookEndpoints } from '../model/webhooks.ts'
import { executionWorkspaces, workspaceOperations } from '../model/workspaces.ts'
import { workProducts } from '../model/workProducts.ts'
import type { IssueCompanies } from './issueCompanies.ts'
import { param, statement } from '../platform/db/statement.ts'
import type { Statement } from '../platform/db/statement.ts'
import type { ReadDb } from '../platform/db/types.ts'

/** The input of a scope: the caller, the path and the query. A body is never part of it (I8). */
export interface ScopeRequest {
  readonly actor: Actor
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, unknown>>
  readonly db: ReadDb
  /** Absent in a request that writes, and where no path names an issue. */
  readonly issueCompanies?: IssueCompanies
}

/** The row that a request is about, and its company; `companyId` is null for the instance itself. */
export interface Target {
  readonly companyId: string | null
  /** The id of the row that the path names, resolved from an identifier or a shortname. */
  readonly id: string
}

/** Resolves the path of a request to its target and checks the tenant. A row of another company and a missing row are the same 404 (I12). */
export interface Scope {
  (request: ScopeRequest): Target | Promise<Target>
  /** The path parameter that the scope reads; the OpenAPI document needs it. */
  readonly reads: string | null
}

const uuid = z.uuid()
const isUuid = (text: string): boolean => uuid.safeParse(text).success
const scope = (reads: string | null, find: (request: ScopeRequest) => Target | Promise<Target>): Scope => Object.assign(find, { reads })

const pathParam = (request: ScopeRequest, name: string): string => request.params[name] ?? ''

/** The 404 of a kind of row, the same for a missing row and for one of another company (I12). */
const refuseMissing = (noun: string): never => refuse('not_found', { message: `${noun} not found` })

/** The scope of routes about the instance itself, outside any company. */
export const onInstance: Scope = scope(null, () => ({ companyId: null, id: '' }))

/** A text of this server in the path, by its name. It is the same for everybody; whether it exists, the verb finds out. */
export const ofText = (name: string): Scope => scope(name, (request) => ({ companyId: null, id: pathParam(request, name) }))

/** The scope of routes about the calling agent: its own row in its own company. @throws Refusal `agent_required` */
export const ofSelf: Scope = scope(null, ({ actor }) =>
  actor.kind === 'agent' ? { companyId: actor.companyId, id: actor.agentId } : refuse('agent_required'),
)

/** A person in the path. Its verb finds out whether it exists. */
export const ofPerson = (name = 'userId'): Scope => scope(name, (request) => ({ companyId: null, id: pathParam(request, name) }))

/** An invitation in the path, by its token. Its verb finds out whether it can be used. */
export const ofInviteToken = (name = 'token'): Scope => scope(name, (request) => ({ companyId: null, id: pathParam(request, name) }))

/** The claim of the instance in the path, by its token. Its verb finds out whether it exists. */
export const ofBoardClaim = (name = 'token'): Scope => ofInviteToken(name)

/** The login of a command line in the path, for who has its secret. Its verb finds out whether it exists. */
export const ofCliLogin = (name = 'id'): Scope => ofJoinRequest(name)

/** A request to join in the path, for who has its secret. Its verb finds out whether it exists. */
export const ofJoinRequest = (name = 'requestId'): Scope =>
  scope(name, (request) => {
    const id = pathParam(request, name).toLowerCase()
    return isUuid(id) ? { companyId: null, id } : refuse('malformed_id')
  })

interface ScopeRow {
  readonly id: string
  readonly companyId: string
}

interface InCompanies {
  readonly companies: readonly string[] | null
}

type ScopeStatement = Statement<{ id: string } & InCompanies, ScopeRow, 'read'>

/** The company of a row exists, its deletion has not begun, and it is one of the caller's: a foreign row and a missing one are the same (I12). */
const isKnown = (companyId: PgColumn): SQL =>
  sql`not ${isCompanyDeleted(companyId)} and (${param('companies', 'uuid[]')} is null or ${companyId} = any(${param('companies', 'uuid[]')}))`

const companyById = statement<{ id: string } & InCompanies, ScopeRow>('scope_company').read(
  sql`select id, id as "companyId" from ${companies} where id = ${param('id')} and ${isKnown(companies.id)}`,
)
const issueById = statement<{ id: string } & InCompanies, ScopeRow>('scope_issue').read(
  sql`select id, company_id as "companyId" from ${issues} where id = ${param('id')} and ${isKnown(issues.companyId)}`,
)
const runById = statement<{ id: string } & InCompanies, ScopeRow>('scope_run').read(
  sql`select id, company_id as "companyId" from ${runs} where id = ${param('id')} and ${isKnown(runs.companyId)}`,
)
const agentById = statement<{ id: string } & InCompanies, ScopeRow>('scope_agent').read(
  sql`select id, company_id as "companyId" from ${agents} where id = ${param('id')} and ${isKnown(agents.companyId)}`,
)
const approvalById = statement<{ id: string } & InCompanies, ScopeRow>('scope_approval').read(
  sql`select id, company_id as "companyId" from ${approvals} where id = ${param('id')} and ${isKnown(approvals.companyId)}`,
)
const goalById = statement<{ id: string } & InCompanies, ScopeRow>('scope_goal').read(
  sql`select id, company_id as "companyId" from ${goals} where id = ${param('id')} and ${isKnown(goals.companyId)}`,
)
const projectById = statement<{ id: string } & InCompanies, ScopeRow>('scope_project').read(
  sql`select id, company_id as "companyId" from ${projects} where id = ${param('id')} and ${isKnown(projects.companyId)}`,
)
const routineById = statement<{ id: string } & InCompanies, ScopeRow>('scope_routine').read(
  sql`select id, company_id as "companyId" from ${routines} where id = ${param('id')} and ${isKnown(routines.companyId)}`,
)
const routineTriggerById = statement<{ id: string } & InCompanies, ScopeRow>('scope_routine_trigger').read(
  sql`select id, company_id as "companyId" from ${routineTriggers} where id = ${param('id')} and ${isKnown(routineTriggers.companyId)}`,
)
const labelById = statement<{ id: string } & InCompanies, ScopeRow>('scope_label').read(
  sql`select id, company_id as "companyId" from ${labels} where id = ${param('id')} and ${isKnown(labels.companyId)}`,
)
const assetById = statement<{ id: string } & InCompanies, ScopeRow>('scope_asset').read(
  sql`select id, company_id as "companyId" from ${assets} where id = ${param('id')} and ${isKnown(assets.companyId)}`,
)
const attachmentById = statement<{ id: string } & InCompanies, ScopeRow>('scope_attachment').read(
  sql`select id, company_id as "companyId" from ${attachments} where id = ${param('id')} and ${isKnown(attachments.companyId)}`,
)
const workProductById = statement<{ id: string } & InCompanies, ScopeRow>('scope_work_product').read(
  sql`select id, company_id as "companyId" from ${workProducts} where id = ${param('id')} and ${isKnown(workProducts.companyId)}`,
)
const secretById = statement<{ id: string } & InCompanies, ScopeRow>('scope_secret').read(
  sql`select id, company_id as "companyId" from ${secrets} where id = ${param('id')} and ${isKnown(secrets.companyId)}`,
)
const feedbackTraceById = statement<{ id: string } & InCompanies, ScopeRow>('scope_feedback_trace').read(
  sql`select id, company_id as "companyId" from ${traces} where id = ${param('id')} and ${isKnown(traces.companyId)}`,
)
const webhookById = statement<{ id: string } & InCompanies, ScopeRow>('scope_webhook').read(
  sql`select id, company_id as "companyId" from ${webhookEndpoints} where id = ${param('id')} and ${isKnown(webhookEndpoints.companyId)}`,
)
const executionWorkspaceById = statement<{ id: string } & InCompanies, ScopeRow>('scope_execution_workspace').read(
  sql`select id, company_id as "companyId" from ${executionWorkspaces} where id = ${param('id')} and ${isKnown(executionWorkspaces.companyId)}`,
)
const workspaceOperationById = statement<{ id: string } & InCompanies, ScopeRow>('scope_workspace_operation').read(
  sql`select id, company_id as "companyId" from ${workspaceOperations} where id = ${param('id')} and ${isKnown(workspaceOperations.companyId)}`,
)
const inviteById = statement<{ id: string } & InCompanies, Target>('scope_invite').read(
  sql`select id, company_id as "companyId" from ${invites}
    where id = ${param('id')} and (company_id is null or (${isKnown(invites.companyId)}))`,
)
const projectsByUrlKey = statement<{ companyId: string; urlKey: string } & InCompanies, ScopeRow>('scope_project_url_key').read(sql`
  select id, company_id as "companyId" from ${projects} where company_id = ${param('companyId')} and url_key = ${param('urlKey')}
    and ${isKnown(projects.companyId)} limit 2`)
const issueByIdentifier = statement<{ identifier: string } & InCompanies, ScopeRow>('scope_issue_identifier').read(
  sql`select id, company_id as "companyId" from ${issues} where identifier = ${param('identifier')} and ${isKnown(issues.companyId)}`,
)
const agentsByShortname = statement<{ companyId: string; urlKey: string } & InCompanies, ScopeRow>('scope_agent_shortname').read(sql`
  select id, company_id as "companyId" from ${agents}
  where company_id = ${param('companyId')} and url_key = ${param('urlKey')} and status <> 'terminated'
    and ${isKnown(agents.companyId)} limit 2`)

/** The companies that an actor may access; null for all of them. */
function companiesOf(actor: Actor): readonly string[] | null {
  if (actor.kind === 'agent') return [actor.companyId]
  return actor.kind !== 'board' || actor.companies === null ? null : [...actor.companies.keys()]
}

/** Whether an actor may access a company. */
function canAccessCompany(actor: Actor, companyId: string): boolean {
  if (actor.kind === 'agent') return actor.companyId === companyId
  return actor.kind !== 'board' || actor.companies === null || actor.companies.has(companyId)
}

/** Reads a row and its company, among the companies of the caller. */
async function readTarget(request: ScopeRequest, find: ScopeStatement, id: string, noun: string): Promise<ScopeRow> {
  const [found] = await request.db.run(find, { id, companies: companiesOf(request.actor) })
  return found ?? refuseMissing(noun)
}

/**
 * The target for a row id. For an agent nothing is read: its company comes from its credential, and every query of a verb
 * has the company in its conditions. For a person the company of the row is read, among the companies of that person.
 */
async function targetOf(request: ScopeRequest, find: ScopeStatement, id: string, noun: string): Promise<Target> {
  if (request.actor.kind === 'agent') return { companyId: request.actor.companyId, id }
  return await readTarget(request, find, id, noun)
}

/** `:companyId` in the path. An unknown or foreign company is a 404, never an empty list. */
export const inCompany = (name = 'companyId'): Scope =>
  scope(name, async (request) => {
    const id = pathParam(request, name).toLowerCase()
    if (!isUuid(id)) return refuse('malformed_id')
    if (!canAccessCompany(request.actor, id)) return refuseMissing('Company')
    return await targetOf(request, companyById, id, 'Company')
  })

/** An invitation in the path, by its id. One that makes an administrator has no company. */
export const ofInvite = (name = 'inviteId'): Scope =>
  scope(name, async (request) => {
    const id = pathParam(request, name).toLowerCase()
    if (!isUuid(id)) return refuse('malformed_id')
    const [found] = await request.db.run(inviteById, { id, companies: companiesOf(request.actor) })
    return found ?? refuseMissing('Invite')
  })

/** A run in the path. */
export const ofRun = (name = 'runId'): Scope =>
  scope(name, async (request) => {
    const id = pathParam(request, name).toLowerCase()
    return isUuid(id) ? await targetOf(request, runById, id, 'Run') : refuse('malformed_id')
  })

const scopeById = (name: string, find: ScopeStatement, noun: string): Scope =>
  scope(name, async (request) => {
    const id = pathParam(request, name).toLowerCase()
    return isUuid(id) ? await targetOf(request, find, id, noun) : refuse('malformed_id')
  })

/** An approval in the path. */
export const ofApproval = (name = 'id'): Scope => scopeById(name, approvalById, 'Approval')

/** A goal in the path. */
export const ofGoal = (name = 'id'): Scope => scopeById(name, goalById, 'Goal')

/** A routine in the path. */
export const ofRoutine = (name = 'id'): Scope => scopeById(name, routineById, 'Routine')

/** A trigger of a routine in the path. */
export const ofRoutineTrigger = (name = 'id'): Scope => scopeById(name, routineTriggerById, 'Routine trigger')

/** A webhook in the path, by its public id. Its verb finds out whether it exists, and whether the caller has its secret. */
export const ofWebhookTrigger = (name = 'publicId'): Scope => ofInviteToken(name)

/** A label in the path. */
export const ofLabel = (name = 'labelId'): Scope => scopeById(name, labelById, 'Label')

/** An asset in the path. */
export const ofAsset = (name = 'assetId'): Scope => scopeById(name, assetById, 'Asset')

/** An attachment in the path. */
export const ofAttachment = (name = 'attachmentId'): Scope => scopeById(name, attachmentById, 'Attachment')

/** A work product in the path. */
export const ofWorkProduct = (name = 'id'): Scope => scopeById(name, workProductById, 'Work product')

/** A secret in the path. */
export const ofSecret = (name = 'id'): Scope => scopeById(name, secretById, 'Secret')

/** A trace of a vote in the path. */
export const ofFeedbackTrace = (name = 'traceId'): Scope => scopeById(name, feedbackTraceById, 'Feedback trace')

/** A webhook in the path. */
export const ofWebhook = (name = 'id'): Scope => scopeById(name, webhookById, 'Webhook')

/** An execution workspace in the path. */
export const ofExecutionWorkspace = (name = 'id'): Scope => scopeById(name, executionWorkspaceById, 'Execution workspace')

/** An operation on an execution workspace in the path. */
export const ofWorkspaceOperation = (name = 'operationId'): Scope => scopeById(name, workspaceOperationById, 'Workspace operation')

/** A project in the path: a UUID, or a url-key in the actor's company or in `?companyId=`. */
export const ofProject = (name = 'id'): Scope =>
  scope(name, async (request) => {
    const given = pathParam(request, name)
    if (isUuid(given)) return await targetOf(request, projectById, given.toLowerCase(), 'Project')
    const companyId = request.actor.kind === 'agent' ? request.actor.companyId : request.query['companyId']
    if (typeof companyId !== 'string' || companyId === '') return refuse('company_needed')
    if (!isUuid(companyId)) return refuse('malformed_id')
    const found = await request.db.run(projectsByUrlKey, { companyId, urlKey: given.toLowerCase(), companies: companiesOf(request.actor) })
    if (found.length > 1) return refuse('shortname_ambiguous', { message: 'Project url-key is ambiguous' })
    const [project] = found
    if (project === undefined) return refuseMissing('Project')
    return { companyId: project.companyId, id: project.id }
  })

/** An identifier's prefix is three letters, and up to 200 more when companies share the first three. */
const identifierPattern = /^[A-Za-z]{1,203}-\d{1,9}$/

/** Reads the issue that a path parameter names by UUID or identifier, in any case. */
async function readIssue(request: ScopeRequest, name: string): Promise<Target> {
  const given = pathParam(request, name)
  if (!isUuid(given) && !identifierPattern.test(given)) return refuseMissing('Issue')
  const companies = companiesOf(request.actor)
  const [found] = isUuid(given)
    ? await request.db.run(issueById, { id: given.toLowerCase(), companies })
    : await request.db.run(issueByIdentifier, { identifier: given.toUpperCase(), companies })
  if (found === undefined) return refuseMissing('Issue')
  return { companyId: found.companyId, id: found.id }
}

/** An issue by its id. For a person nothing is read either, when its company was read just now. */
async function issueOf(request: ScopeRequest, id: string): Promise<Target> {
  const { actor, issueCompanies } = request
  if (actor.kind === 'agent') return { companyId: actor.companyId, id }
  const companyId = issueCompanies?.find(id)
  const read = () => readTarget(request, issueById, id, 'Issue')
  if (companyId === undefined) return await (issueCompanies?.load(read) ?? read())
  return canAccessCompany(actor, companyId) ? { companyId, id } : refuseMissing('Issue')
}

/** An issue in the path: a UUID or an identifier like `ACM-12`, in any case. */
export const ofIssue = (name = 'id'): Scope =>
  scope(name, async (request) => {
    const given = pathParam(request, name)
    return isUuid(given) ? await issueOf(request, given.toLowerCase()) : await readIssue(request, name)
  })

/**
 * As `ofIssue`, but the row is read for an agent, too. For lists below an issue: the query of the list cannot distinguish
 * a missing issue from an issue without rows.
 */
export const ofExistingIssue = (name = 'id'): Scope => scope(name, (request) => readIssue(request, name))

/** An issue in a path that names its company, too. An issue of another company than that of the path is a 404. */
export const ofIssueInCompany = (companyName = 'companyId', issueName = 'issueId'): Scope =>
  scope(companyName, async (request) => {
    const company = await inCompany(companyName)(request)
    const issue = await readIssue(request, issueName)
    return issue.companyId === company.companyId ? issue : refuseMissing('Issue')
  })

/** An agent in the path: a UUID, or a shortname in the actor's company or in `?companyId=`. */
export const ofAgent = (name = 'id'): Scope =>
  scope(name, async (request) => {
    const given = pathParam(request, name)
    if (isUuid(given)) return await targetOf(request, agentById, given.toLowerCase(), 'Agent')
    const companyId = request.actor.kind === 'agent' ? request.actor.companyId : request.query['companyId']
    if (typeof companyId !== 'string' || companyId === '') return refuse('company_needed')
    if (!isUuid(companyId)) return refuse('malformed_id')
    const found = await request.db.run(agentsByShortname, { companyId, urlKey: given.toLowerCase(), companies: companiesOf(request.actor) })
    if (found.length > 1) return refuse('shortname_ambiguous')
    const [agent] = found
    if (agent === undefined) return refuseMissing('Agent')
    return { companyId: agent.companyId, id: agent.id }
  })
