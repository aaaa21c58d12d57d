import { randomInt, randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Route } from '../../http/route.ts'
import { STAGE_SECRET } from './contractFixtures.ts'
import type { ApiUnderTest, FixtureRows } from './contractFixtures.ts'
import type { Example } from './example.ts'
import type { Request } from './rawRequest.ts'
import { routineExamples } from './routineExamples.ts'
import { challengeCookie, insertAskedFactor, insertFactor, presentCode, recoveryCodeOf, TEST_FACTOR_SECRET } from './secondFactors.ts'
import { TEST_PASSWORD } from './sessions.ts'

// A path and a body for every route, so that a test can call each of them.

/** Fills the parameters of a path; the word before a parameter says what kind of row it names. */
export function pathOf(route: Route, idOf: (kind: string, parameter: string) => string): string {
  const parts = route.path.split('/')
  const fill = (part: string, at: number): string => {
    const [, name, ending = ''] = /^:(\w+)(\.\w+)?$/.exec(part) ?? []
    return name === undefined ? part : encodeURIComponent(idOf(parts[at - 1] ?? '', name)) + ending
  }
  return parts.map(fill).join('/')
}

/** True for a parameter that names a row, not a word. */
export const isRowId = (rows: FixtureRows, kind: string): boolean => rowIdIn(rows)(kind).includes('-')

/** The id of a subject's row by the word before it. @throws Error for a kind of row that no subject has */
export const rowIdIn =
  (rows: FixtureRows) =>
  (kind: string, parameter?: string): string => {
    // A text of the server, beside the skills of companies.
    if (parameter === 'skillName') return 'paperclip'
    const id = rows.ids[kind]
    if (id === undefined) throw new Error(`src/dev/testing/contractFixtures.ts has no row for /${kind}/:id: add one to createFixtureRows`)
    return id
  }

export interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly default?: unknown
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly items?: JsonSchema
  readonly format?: string
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly maxLength?: number
  readonly maxItems?: number
}

/** The JSON schema of a body, as a client sends it. */
export const bodySchema = (route: Route): JsonSchema | undefined =>
  route.body === undefined ? undefined : (z.toJSONSchema(route.body, { io: 'input', unrepresentable: 'any' }) as JsonSchema)

/** The JSON schema of a query. */
export const querySchema = (route: Route): JsonSchema | undefined =>
  route.query === undefined ? undefined : (z.toJSONSchema(route.query, { io: 'input', unrepresentable: 'any' }) as JsonSchema)

/** Names of fields that refer to a row, and which row of the subject they mean. */
const referencedValues: Readonly<Record<string, (rows: FixtureRows) => string>> = {
  agentId: (rows) => rows.agent.id,
  issueId: (rows) => rows.issueId,
  approvalId: (rows) => rows.spareApprovalId,
  color: () => '#a1b2c3',
}

function sampleValue(schema: JsonSchema, name: string, rows: FixtureRows): unknown {
  const valueOf = referencedValues[name]
  if (valueOf !== undefined) return valueOf(rows)
  if (schema.const !== undefined) return schema.const
  if (schema.enum !== undefined) return schema.enum[0]
  const [first] = schema.anyOf ?? schema.oneOf ?? []
  if (first !== undefined) return sampleValue(first, name, rows)
  const type = typeof schema.type === 'string' ? schema.type : schema.type?.[0]
  if (type === 'object' || schema.properties !== undefined)
    return Object.fromEntries((schema.required ?? []).map((key) => [key, sampleValue(schema.properties?.[key] ?? {}, key, rows)]))
  if (type === 'array') return schema.items === undefined ? [] : [sampleValue(schema.items, name, rows)]
  if (type === 'integer' || type === 'number') return schema.minimum ?? 1
  if (type === 'boolean') return true
  if (schema.format === 'uuid') return randomUUID()
  if (schema.format === 'date-time') return new Date().toISOString()
  return `A ${name} ${randomUUID().slice(0, 8)}`
}

/** The smallest picture there is: one pixel. */
export const PIXEL = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64')

/** A form with one file, as a browser or curl writes it. */
export function formWith(bytes: Uint8Array, type: string, name: string, fields: Readonly<Record<string, string>> = {}): FormData {
  const form = new FormData()
  for (const [field, value] of Object.entries(fields)) form.set(field, value)
  form.set('file', new Blob([new Uint8Array(bytes)], { type }), name)
  return form
}

const withPausedAgent = {
  of: 'agents',
  sql: "update agents set status = 'paused', pause_reason = 'manual', paused_at = now() where id = $1",
}
const withQuestions = {
  of: 'interactions',
  sql: `update issue_thread_interactions set kind = 'ask_user_questions', payload =
    '{"version":1,"questions":[{"id":"q","prompt":"Which?","selectionMode":"single","options":[{"id":"o","label":"This"}]}]}' where id = $1`,
}
const withPendingHire = {
  of: 'agents',
  sql: `with pending as (update agents set status = 'pending_approval' where id = $1 returning id, company_id, name)
    insert into approvals (company_id, type, payload) select company_id, 'hire_agent', jsonb_build_object('name', name, 'agentId', id) from pending`,
}
const withRevisionRequested = { of: 'approvals', sql: "update approvals set status = 'revision_requested' where id = $1" }

const withMarkIn = (table: string) => ({
  of: 'issues',
  sql: `insert into ${table} (company_id, issue_id, user_id) select company_id, id, 'local-board' from issues where id = $1 on conflict do nothing`,
})

const withLogChunk = {
  of: 'heartbeat-runs',
  sql: "insert into heartbeat_run_log_chunks (run_id, start_offset, byte_size, content) values ($1, 0, 3, '{}\n') on conflict do nothing",
}

const withFactor = { of: 'users', sql: insertFactor }
const withAskedFactor = { of: 'users', sql: insertAskedFactor }

const inlinePackage = {
  source: { type: 'inline', files: { 'COMPANY.md': '---\nname: Packed\n---\n', 'tasks/first/TASK.md': '---\ntitle: First\n---\n' } },
}
const importIntoCompany = ({ companyId }: FixtureRows) => ({ ...inlinePackage, target: { mode: 'existing_company', companyId } })
const importAsNewCompany = () => ({ ...inlinePackage, target: { mode: 'new_company' } })

/** Routes whose required fields alone say nothing, or that need a state to start from. */
const examples: Readonly<Record<string, Example>> = {
  getHeartbeatRunsByRunIdLog: { arrange: withLogChunk },
  postIssuesByIdCheckout: { body: ({ agent }) => ({ agentId: agent.id, expectedStatuses: ['todo'] }) },
  patchIssuesById: { body: () => ({ title: 'Another title' }) },
  patchAgentsById: { body: () => ({ title: 'Another title' }) },
  patchCompaniesByCompanyId: { body: () => ({ brandColor: '#a1b2c3' }) },
  patchCompaniesByCompanyIdBranding: { body: () => ({ brandColor: '#a1b2c3' }) },
  postCompaniesImport: { body: importAsNewCompany },
  postCompaniesImportPreview: { body: importAsNewCompany },
  postCompaniesByCompanyIdImportsApply: { body: importIntoCompany },
  postCompaniesByCompanyIdImportsPreview: { body: importIntoCompany },
  // A public address, so that no name is looked up.
  postCompaniesByCompanyIdWebhooks: { body: () => ({ url: `https://1.1.1.1/${randomUUID()}`, events: ['issue.*'] }) },
  patchExecutionWorkspacesById: { body: () => ({ name: `A name ${randomUUID().slice(0, 8)}` }) },
  patchWebhooksById: { body: () => ({ url: `https://1.1.1.1/${randomUUID()}` }) },
  postWebhooksByIdReplay: { body: () => ({}) },
  patchGoalsById: { body: () => ({ title: 'Another goal' }) },
  patchProjectsById: { body: () => ({ name: 'Another project' }) },
  patchProjectsByIdWorkspacesByWorkspaceId: { body: () => ({ name: 'other' }) },
  postProjectsByIdWorkspaces: { body: () => ({ name: 'second', repoUrl: 'https://example.invalid/second.git' }) },
  patchAgentsByIdPermissions: { body: () => ({ canCreateAgents: true, canAssignTasks: true }) },
  postCompaniesByCompanyIdSecrets: { body: () => ({ name: `Secret ${randomUUID()}`, value: `v-${randomUUID()}` }) },
  postSecretsByIdRotate: { body: () => ({ value: `v-${randomUUID()}` }) },
  patchSecretsById: { body: () => ({ description: randomUUID() }) },
  patchAgentsByAgentIdBudgets: { body: () => ({ budgetMonthlyCents: 100 }) },
  // Far above what the tests spend, and each time another amount.
  patchCompaniesByCompanyIdBudgets: { body: () => ({ budgetMonthlyCents: 100_000_000 + randomInt(1_000_000) }) },
  postCompaniesByCompanyIdBudgetsPolicies: { body: ({ ids }) => ({ scopeType: 'project', scopeId: ids['projects'], amount: 100_000_000 }) },
  postCompaniesByCompanyIdBudgetIncidentsByIncidentIdResolve: { body: () => ({ action: 'keep_paused' }) },
  postCompaniesByCompanyIdCostEvents: {
    body: ({ agent }) => ({ agentId: agent.id, provider: 'p', model: 'm', costCents: 1, occurredAt: new Date().toISOString() }),
  },
  postCompaniesByCompanyIdSkillsImport: {
    body: () => ({ files: { 'SKILL.md': `---\nname: Skill ${randomUUID().slice(0, 8)}\n---\n\nDo it well.\n` } }),
  },
  postCompaniesByCompanyIdSkillsUpload: {
    body: () => formWith(Buffer.from(`---\nname: Skill ${randomUUID().slice(0, 8)}\n---\n\nDo it well.\n`), 'text/markdown', 'SKILL.md'),
  },
  postAgentsByIdSkillsSync: { body: () => ({ desiredSkills: ['paperclip'] }) },
  patchAgentsByIdInstructionsPath: {
    arrange: { of: 'agents', sql: "update agents set adapter_type = 'claude_local' where id = $1" },
    body: () => ({ path: '/srv/instructions.md' }),
  },
  patchAgentsByIdInstructionsBundle: { body: () => ({ entryFile: 'TOOLS.md' }) },
  putAgentsByIdInstructionsBundleFile: { body: () => ({ path: 'AGENTS.md', content: 'Play on.' }) },
  getAgentsByIdInstructionsBundleFile: { query: '?path=AGENTS.md' },
  deleteAgentsByIdInstructionsBundleFile: { query: '?path=TOOLS.md' },
  deleteAgentsByIdQuarantine: {
    arrange: { of: 'agents', sql: "update agents set status = 'paused', pause_reason = 'quarantine', paused_at = now() where id = $1" },
  },
  postAgentsByIdApprove: { arrange: withPendingHire },
  postAgentsByIdResume: { arrange: withPausedAgent },
  postAgentsByIdClaudeLogin: { arrange: { of: 'agents', sql: "update agents set adapter_type = 'claude_local' where id = $1" } },
  postApprovalsByIdResubmit: { arrange: withRevisionRequested, body: () => ({ payload: { title: 'Again', summary: 'Please' } }) },
  postIssuesByIdInteractions: { body: () => ({ kind: 'request_confirmation', payload: { version: 1, prompt: 'Shall I?' } }) },
  postIssuesByIdInteractionsByInteractionIdRespond: {
    arrange: withQuestions,
    body: () => ({ answers: [{ questionId: 'q', optionIds: ['o'] }] }),
  },
  putIssuesByIdDocumentsByKey: {
    body: ({ latestRevisionId }) => ({ format: 'markdown', body: 'Third', baseRevisionId: latestRevisionId }),
  },
  postCompaniesByCompanyIdApprovals: {
    body: () => ({ type: 'request_board_approval', payload: { title: 'May I?', summary: 'Please' } }),
  },
  patchWorkProductsById: { body: () => ({ title: 'Another branch' }) },
  postIssuesByIdFeedbackVotes: { body: ({ commentId }) => ({ targetType: 'issue_comment', targetId: commentId, vote: 'up' }) },
  deleteIssuesByIdRead: { arrange: withMarkIn('issue_read_states') },
  deleteIssuesByIdInboxArchive: { arrange: withMarkIn('issue_inbox_archives') },
  postAuthSignUpEmail: { body: () => ({ name: 'New', email: `${randomUUID()}@example.com`, password: TEST_PASSWORD }) },
  postAuthSignInEmail: { body: ({ person }) => ({ email: person.email, password: TEST_PASSWORD }) },
  postAuthChangePassword: { body: () => ({ currentPassword: TEST_PASSWORD, newPassword: 'another password' }) },
  postAuthRevokeSession: { body: ({ person }) => ({ id: person.otherSessionId }) },
  postAdminUsersByUserIdDemoteInstanceAdmin: {
    arrange: { of: 'users', sql: 'insert into instance_administrators (person_id) values ($1) on conflict do nothing' },
  },
  postAuthResetPassword: {
    arrange: {
      of: 'users',
      sql: `insert into challenges (id, identifier, value, expires_at)
        values (gen_random_uuid(), 'reset:' || $1::text, encode(sha256(convert_to('a link of ' || $1::text, 'UTF8')), 'hex'), now() + interval '1 hour')`,
    },
    body: ({ ids }) => ({ token: `a link of ${ids['users']}`, newPassword: 'another password' }),
  },
  getBoardClaimByToken: { query: `?code=${STAGE_SECRET}` },
  getCliAuthChallengesById: { query: `?token=${STAGE_SECRET}` },
  postAuthTwoFactorEnable: { body: () => ({ password: TEST_PASSWORD }) },
  postAuthTwoFactorVerifyTotp: {
    arrange: withAskedFactor,
    cookie: ({ ids }) => challengeCookie(ids['users'] ?? ''),
    body: () => ({ code: presentCode(TEST_FACTOR_SECRET) }),
  },
  postAuthTwoFactorVerifyBackupCode: {
    arrange: withAskedFactor,
    cookie: ({ ids }) => challengeCookie(ids['users'] ?? ''),
    body: ({ ids }) => ({ code: recoveryCodeOf(ids['users'] ?? '') }),
  },
  postAuthTwoFactorDisable: {
    arrange: withFactor,
    body: ({ ids }) => ({ password: TEST_PASSWORD, code: recoveryCodeOf(ids['users'] ?? '') }),
  },
  postAuthTwoFactorGenerateBackupCodes: {
    arrange: withFactor,
    body: ({ ids }) => ({ password: TEST_PASSWORD, code: recoveryCodeOf(ids['users'] ?? '') }),
  },
  postAdminUsersByUserIdRemoveSecondFactor: { arrange: withFactor },
  postCliAuthChallenges: { body: () => ({ command: 'stage' }) },
  postCliAuthChallengesByIdApprove: { body: () => ({ token: STAGE_SECRET }) },
  postCliAuthChallengesByIdCancel: { body: () => ({ token: STAGE_SECRET }) },
  postBoardClaimByTokenClaim: { body: () => ({ code: STAGE_SECRET }) },
  postInvitesByTokenAccept: { body: () => ({ requestType: 'agent', agentName: `Joiner ${randomUUID().slice(0, 8)}` }) },
  postJoinRequestsByRequestIdClaimApiKey: {
    arrange: {
      of: 'join-requests',
      sql: `update join_requests j set status = 'approved', created_agent_id = (
        select id from agents a where a.company_id = j.company_id and a.status <> 'terminated' order by a.created_at desc limit 1) where id = $1`,
    },
    body: () => ({ claimSecret: STAGE_SECRET }),
  },
  patchCompaniesByCompanyIdMembersByMemberId: { body: () => ({ role: 'viewer' }) },
  patchCompaniesByCompanyIdMembersByMemberIdPermissions: { body: () => ({ grants: [{ permissionKey: 'agents:create' }] }) },
  putAdminUsersByUserIdCompanyAccess: { body: ({ companyId }) => ({ companyIds: [companyId] }) },
  ...routineExamples,
  patchInstanceSettingsGeneral: { body: () => ({ censorUsernameInLogs: true }) },
  patchInstanceSettingsExperimental: { body: () => ({ enableIsolatedWorkspaces: true }) },
}

/** A request that a route is for: its path names rows of the subject, its body is one that may succeed. */
export async function buildRequest(api: ApiUnderTest, route: Route, rows: FixtureRows): Promise<Request> {
  const example = examples[route.operationId]
  if (example?.arrange !== undefined) await api.sql.query(example.arrange.sql, [rowIdIn(rows)(example.arrange.of)])
  const request = requestOf(route, rows)
  return example?.prove === undefined ? request : { ...request, headers: await example.prove(api, rows, request.body) }
}

/** The same request about rows in the state in which they are. */
export const requestOf = (route: Route, rows: FixtureRows): Request => ({
  method: route.method,
  path: `${pathOf(route, rowIdIn(rows))}${isEndless(route) ? '?follow=false' : (examples[route.operationId]?.query ?? '')}`,
  body: buildBody(route, rows),
  ...(examples[route.operationId]?.cookie === undefined ? {} : { headers: { cookie: examples[route.operationId]?.cookie?.(rows) ?? '' } }),
})

/** The headers of a request by a caller: a browser sends all of its cookies in one. */
export function headersBy(caller: Readonly<Record<string, string>>, { headers = {} }: Request): Record<string, string> {
  const cookies = [caller['cookie'], headers['cookie']].filter((cookie) => cookie !== undefined)
  return { ...caller, ...headers, ...(cookies.length === 0 ? {} : { cookie: cookies.join('; ') }) }
}

function buildBody(route: Route, rows: FixtureRows): unknown {
  const schema = bodySchema(route)
  if (schema === undefined) return undefined
  return route.bodyKind === 'file'
    ? (examples[route.operationId]?.body?.(rows) ?? formWith(PIXEL, 'image/gif', 'pixel.gif'))
    : (examples[route.operationId]?.body?.(rows) ?? sampleValue(schema, 'body', rows))
}

/** True for an answer that has no end unless it is asked for one. */
export const isEndless = (route: Route): boolean => route.streams === 'events'

/** Whether the request starts from another state of the agent whose rows it names, which its other requests would meet. */
export const arrangesAgent = (route: Route): boolean => examples[route.operationId]?.arrange?.of === 'agents'

/** True for routes after which the company of the stage is no longer what it was. */
export const endsCompany = (route: Route): boolean =>
  route.method !== 'get' && (route.path === '/api/companies/:companyId' || route.path === '/api/companies/:companyId/archive')

/** True for routes after which the session of the caller may be over. */
export const endsSession = (route: Route): boolean => route.method !== 'get' && /^\/api\/(?:cli-)?auth\//.test(route.path)

/** Routes after which the credential of the caller is none, so that a repeat is refused. */
export const endsCaller: ReadonlySet<string> = new Set([
  'postAuthSignOut',
  'postAuthRevokeSessions',
  'postCliAuthRevokeCurrent',
  // A code is accepted once, and so is the question for it.
  'postAuthTwoFactorVerifyTotp',
  'postAuthTwoFactorVerifyBackupCode',
])

/**
 * SQL without which a route succeeds for no caller, and after which other callers are not what they were: for a test that asks one route
 * after the other.
 */
export const instanceBefore: Readonly<Record<string, string>> = {
  postBoardClaimByTokenClaim: 'delete from instance_administrators',
  // Each subject has one, and a company has few.
  postCompaniesByCompanyIdWebhooks: 'delete from webhook_endpoints',
}

/** Routes that keep the key of a request themselves: a repeat has the same answer without the mark of one that was stored. */
export const keysOfTheirOwn: ReadonlySet<string> = new Set(['postRoutineTriggersPublicByPublicIdFire'])

/**
 * Routes that change nothing worth a record. This list may only get shorter: an addition takes a change out of
 * the audit.
 */
export const unauditedRoutes: ReadonlySet<string> = new Set([
  // Renews a lease, which is telemetry: it decides nothing and says only that the run is still there.
  'postHeartbeatRunsByRunIdHeartbeat',
  // Read a company and change nothing; they are POST because of the choice they carry.
  'postCompaniesByCompanyIdExport',
  'postCompaniesByCompanyIdExports',
  'postCompaniesByCompanyIdExportsPreview',
  'postCompaniesImportPreview',
  'postCompaniesByCompanyIdImportsPreview',
  // Looks up what runs would use.
  'postCompaniesByCompanyIdAdaptersByTypeTestEnvironment',
  // Answers with advice and does nothing.
  'postAgentsByIdClaudeLogin',
])
