import { randomInt, randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { RunTokens } from '../../auth/runTokens.ts'
import { hashToken, generateAgentKey } from '../../auth/tokens.ts'
import type { Pool } from '../../platform/db/driver/client.ts'
import type { Route } from '../../http/route.ts'

/**
 * What the tests over all routes stand on: somebody of every kind, a row of every kind, a body for every route. It
 * needs no test runner, because the permission table is also written by `npm run docs`.
 */

/** A server to be asked. */
export interface ApiUnderTest {
  readonly url: string
  readonly tokens: RunTokens
  /** For arranging rows beside the server. */
  readonly sql: Pool
}

export interface Reply {
  readonly status: number
  readonly text: string
  // Bodies are looked at field by field.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
  readonly headers: Headers
}

export interface Request {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON, or as the form that it is; nothing is sent for undefined. */
  readonly body?: unknown
}

/** A body as it is sent. */
export interface Encoded {
  readonly contentType: string
  readonly bytes: Buffer
}

/** A body as bytes, with the type that says how to read them. */
export async function encodeBody(body: unknown): Promise<Encoded> {
  if (!(body instanceof FormData)) return { contentType: 'application/json', bytes: Buffer.from(JSON.stringify(body)) }
  const form = new Response(body)
  return { contentType: form.headers.get('content-type') ?? '', bytes: Buffer.from(await form.arrayBuffer()) }
}

/** Sends one request. */
export async function sendRequest(url: string, { method, path, headers = {}, body }: Request): Promise<Reply> {
  const encodedBody = body === undefined ? undefined : await encodeBody(body)
  const response = await fetch(`${url}${path}`, {
    method: method.toUpperCase(),
    headers: { ...headers, ...(encodedBody === undefined ? {} : { 'content-type': encodedBody.contentType }) },
    ...(encodedBody === undefined ? {} : { body: encodedBody.bytes }),
    redirect: 'manual',
  })
  const text = await response.text()
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    parsed = undefined
  }
  return { status: response.status, text, body: parsed, headers: response.headers }
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })

interface Company {
  readonly id: string
  readonly prefix: string
}

interface Agent {
  readonly id: string
  readonly key: string
}

/** A company with somebody of every kind in it, and a stranger outside. */
export interface Fixtures {
  readonly api: ApiUnderTest
  readonly company: Company
  readonly peer: Agent
  readonly ceo: Agent
  readonly creator: Agent
  readonly outsider: Agent
  readonly outsiderToken: string
  readonly revokedKey: string
}

/** One agent, one run of it, and one row of every kind that hangs on them: what a path may name. */
export interface FixtureRows {
  readonly companyId: string
  readonly agent: Agent
  readonly runId: string
  readonly runToken: string
  readonly issueId: string
  /** The id of a row by the word that stands before it in a path: `issues`, `goals`, … */
  readonly ids: Readonly<Record<string, string>>
  /** An approval that is linked to no issue. */
  readonly spareApprovalId: string
  readonly latestRevisionId: string
  readonly commentId: string
}

async function createVia(api: ApiUnderTest, path: string, body: unknown): Promise<Reply['body']> {
  const reply = await sendRequest(api.url, { method: 'post', path, body })
  if (reply.status !== 201) throw new Error(`cannot set the stage: POST ${path} gives ${reply.status} ${reply.text}`)
  return reply.body
}

async function createCompany(api: ApiUnderTest): Promise<Company> {
  const { id, issuePrefix } = await createVia(api, '/api/companies', { name: 'Stage' })
  await api.sql.query('update companies set require_board_approval_for_new_agents = false where id = $1', [id])
  return { id, prefix: issuePrefix }
}

let count = 0

async function createAgent(api: ApiUnderTest, companyId: string, fields: Record<string, unknown> = {}): Promise<Agent> {
  count += 1
  const { id } = await createVia(api, `/api/companies/${companyId}/agents`, { name: `Actor ${count}`, ...fields })
  const key = generateAgentKey()
  await api.sql.query('insert into agent_api_keys (company_id, agent_id, name, key_hash) values ($1, $2, $3, $4)', [
    companyId,
    id,
    'stage',
    hashToken(key),
  ])
  return { id, key }
}

/** Sets a stage. */
export async function createFixtures(api: ApiUnderTest): Promise<Fixtures> {
  const company = await createCompany(api)
  const otherCompany = await createCompany(api)
  const revokedKey = generateAgentKey()
  const peer = await createAgent(api, company.id)
  await api.sql.query('insert into agent_api_keys (company_id, agent_id, name, key_hash, revoked_at) values ($1, $2, $3, $4, now())', [
    company.id,
    peer.id,
    'revoked',
    hashToken(revokedKey),
  ])
  const outsider = await createAgent(api, otherCompany.id)
  const [runId] = randomUuids(1)
  await api.sql.query("insert into heartbeat_runs (id, company_id, agent_id, status) values ($1, $2, $3, 'running')", [
    runId,
    otherCompany.id,
    outsider.id,
  ])
  const outsiderClaims = { agentId: outsider.id, companyId: otherCompany.id, adapterType: 'process', runId }
  return {
    api,
    company,
    peer,
    outsider,
    outsiderToken: (await api.tokens.sign(outsiderClaims)).token,
    ceo: await createAgent(api, company.id, { role: 'ceo' }),
    creator: await createAgent(api, company.id, { permissions: { canCreateAgents: true } }),
    revokedKey,
  }
}

const insertFixtureRows = `
  with agent as (insert into agents (id, company_id, name, url_key, title)
      values ($2::uuid, $1, 'On stage ' || $2::uuid::text, 'on-stage-' || $2::uuid::text, 'Before')),
    member as (insert into company_memberships (company_id, principal_type, principal_id, membership_role)
      values ($1, 'agent', $2::uuid::text, 'member')),
    granted as (insert into principal_permission_grants (company_id, principal_type, principal_id, permission_key)
      values ($1, 'agent', $2::uuid::text, 'tasks:assign')),
    key as (insert into agent_api_keys (id, company_id, agent_id, name, key_hash)
      values ($8, $1, $2, 'spare', $9), (gen_random_uuid(), $1, $2, 'stage', $21)),
    run as (insert into heartbeat_runs (id, company_id, agent_id, status) values ($3, $1, $2, 'running')),
    issue as (insert into issues (id, company_id, issue_number, identifier, title, status, assignee_agent_id)
      values ($4, $1, $5, $6, 'On stage', 'todo', $2)),
    comment as (insert into issue_comments (id, company_id, issue_id, author_agent_id, body) values ($7, $1, $4, $2, 'A word')),
    goal as (insert into goals (id, company_id, title) values ($10, $1, 'A goal')),
    project as (insert into projects (id, company_id, name, url_key) values ($11::uuid, $1, 'A project', 'p-' || $11::uuid::text)),
    workspace as (insert into project_workspaces (id, company_id, project_id, name, source_type, repo_url)
      values ($12, $1, $11, 'main', 'git_repo', 'https://example.invalid/repo.git')),
    label as (insert into labels (id, company_id, name, color) values ($13::uuid, $1, left($13::uuid::text, 13), '#112233')),
    approval as (insert into approvals (id, company_id, type, requested_by_agent_id, payload)
      values ($14, $1, 'request_board_approval', $2, '{"title":"May I?","summary":"Please"}'),
        ($15, $1, 'request_board_approval', $2, '{"title":"And this?","summary":"Please"}')),
    link as (insert into issue_approvals (issue_id, approval_id) values ($4, $14)),
    document as (insert into issue_documents (id, company_id, issue_id, key, body, latest_revision_id, latest_revision_number)
      values ($16, $1, $4, 'plan', 'Second', $18, 2)),
    revision as (insert into issue_document_revisions (id, company_id, document_id, issue_id, key, revision_number, body)
      values ($17, $1, $16, $4, 'plan', 1, 'First'), ($18, $1, $16, $4, 'plan', 2, 'Second')),
    attachment as (insert into issue_attachments (id, company_id, issue_id) values ($25, $1, $4)),
    asset as (insert into assets (id, company_id, attachment_id, object_key, content_type, byte_size, sha256, original_filename)
      values ($26, $1, $25, 'on stage', 'text/plain', 5, repeat('0', 64), 'words.txt')),
    content as (insert into asset_contents (asset_id, content) values ($26, 'words')),
    interaction as (insert into issue_thread_interactions (id, company_id, issue_id, kind, continuation_policy, created_by_agent_id, payload)
      values ($19, $1, $4, 'request_confirmation', 'none', $2, '{"version":1,"prompt":"Shall I?"}')),
    product as (insert into issue_work_products (id, company_id, issue_id, type, provider, title)
      values ($22, $1, $4, 'branch', 'git', 'A branch')),
    vote as (insert into feedback_votes (id, company_id, issue_id, target_type, target_id, author_user_id, vote, is_shared)
      values ($23, $1, $4, 'issue_comment', $7, 'somebody', 'down', false)),
    trace as (insert into feedback_traces (id, company_id, issue_id, feedback_vote_id, status, target_summary, payload_snapshot)
      values ($24, $1, $4, $23, 'local_only', '{"label":"Comment","excerpt":"A word","authorAgentId":null,"authorUserId":null,
        "createdAt":"2026-04-01T00:00:00.000Z","documentKey":null,"documentTitle":null,"revisionNumber":null}', '{"target":{"body":"A word"}}'))
  insert into agent_config_revisions (id, company_id, agent_id, source, changed_keys, before_config, after_config)
    select $20, $1, $2, 'patch', '["title"]', '{}', jsonb_build_object('name', 'On stage ' || $2::uuid::text, 'role', 'general',
      'title', 'Long before', 'reportsTo', null, 'capabilities', null, 'adapterType', 'process', 'adapterConfig', '{}'::jsonb,
      'runtimeConfig', '{}'::jsonb, 'budgetMonthlyCents', 0, 'metadata', null)`

/** Makes the rows of a subject in one statement: hundreds are made, and a request each would cost the suite seconds. */
export async function createFixtureRows(fixtures: Fixtures): Promise<FixtureRows> {
  const { api, company } = fixtures
  const key = generateAgentKey()
  const number = randomInt(1000, 2_000_000_000)
  const [agentId, runId, issueId, commentId, keyId, goalId, projectId, workspaceId, labelId, approvalId] = randomUuids(10)
  const [spareApprovalId, documentId, revisionId, latestRevisionId, interactionId, configRevisionId] = randomUuids(6)
  const [workProductId, voteId, traceId, attachmentId, assetId] = randomUuids(5)
  await api.sql.query({
    name: 'make_subject',
    text: insertFixtureRows,
    values: [
      company.id,
      agentId,
      runId,
      issueId,
      number,
      `${company.prefix}-${number}`,
      commentId,
      keyId,
      hashToken(generateAgentKey()),
      goalId,
      projectId,
      workspaceId,
      labelId,
      approvalId,
      spareApprovalId,
      documentId,
      revisionId,
      latestRevisionId,
      interactionId,
      configRevisionId,
      hashToken(key),
      workProductId,
      voteId,
      traceId,
      attachmentId,
      assetId,
    ],
  })
  const { token } = await api.tokens.sign({ agentId, companyId: company.id, adapterType: 'process', runId })
  return {
    companyId: company.id,
    agent: { id: agentId, key },
    runId,
    runToken: token,
    issueId,
    spareApprovalId,
    latestRevisionId,
    commentId,
    ids: {
      companies: company.id,
      agents: agentId,
      'heartbeat-runs': runId,
      issues: issueId,
      comments: commentId,
      keys: keyId,
      goals: goalId,
      projects: projectId,
      workspaces: workspaceId,
      labels: labelId,
      approvals: approvalId,
      revisions: revisionId,
      interactions: interactionId,
      'config-revisions': configRevisionId,
      attachments: attachmentId,
      assets: assetId,
      'work-products': workProductId,
      'feedback-traces': traceId,
      // Nothing that is kept has this id.
      'workspace-operations': randomUUID(),
      // Words where others have ids.
      documents: 'plan',
      adapters: 'process',
      'runtime-services': 'start',
    },
  }
}

type Uuids = string[] & Record<0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9, string>

const randomUuids = (uuidCount: number): Uuids => Array.from({ length: uuidCount }, () => randomUUID()) as Uuids

/** Somebody who asks. */
export interface Persona {
  readonly name: string
  readonly headers: (fixtures: Fixtures, rows: FixtureRows) => Readonly<Record<string, string>>
  /** Can never change anything, so that it needs no subject of its own. */
  readonly isReadOnly: boolean
}

/** Everybody there is, the weakest first. The subject of a path is the row of `agent`, and `run` is its run. */
export const personas: readonly Persona[] = [
  // Beside the server on this machine nobody is anonymous; behind a proxy everybody without a credential is.
  { name: 'anonymous', headers: () => ({ 'x-forwarded-for': '203.0.113.7' }), isReadOnly: true },
  { name: 'garbage', headers: () => bearer('garbage'), isReadOnly: true },
  { name: 'revoked key', headers: (fixtures) => bearer(fixtures.revokedKey), isReadOnly: true },
  { name: 'outsider', headers: (fixtures) => bearer(fixtures.outsiderToken), isReadOnly: true },
  { name: 'peer', headers: (fixtures) => bearer(fixtures.peer.key), isReadOnly: false },
  { name: 'agent', headers: (_, rows) => bearer(rows.agent.key), isReadOnly: false },
  { name: 'run', headers: (_, rows) => bearer(rows.runToken), isReadOnly: false },
  { name: 'creator', headers: (fixtures) => bearer(fixtures.creator.key), isReadOnly: false },
  { name: 'ceo', headers: (fixtures) => bearer(fixtures.ceo.key), isReadOnly: false },
  { name: 'board', headers: () => ({}), isReadOnly: false },
]

/** Fills the parameters of a path; the word before a parameter says what kind of row it names. */
export function pathOf(route: Route, idOf: (kind: string, parameter: string) => string): string {
  const parts = route.path.split('/')
  return parts.map((part, at) => (part.startsWith(':') ? encodeURIComponent(idOf(parts[at - 1] ?? '', part.slice(1))) : part)).join('/')
}

/** True for a parameter that names a row, not a word. */
export const isRowId = (rows: FixtureRows, kind: string): boolean => rowIdIn(rows)(kind).includes('-')

/** The id of a subject's row by the word before it. @throws Error for a kind of row that no subject has */
export const rowIdIn =
  (rows: FixtureRows) =>
  (kind: string): string => {
    const id = rows.ids[kind]
    if (id === undefined)
      throw new Error(`src/dev/testing/contractFixtures.ts knows no row for /${kind}/:id: teach makeSubject to make one`)
    return id
  }

interface JsonSchema {
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
}

/** The JSON schema of a body, as a client sends it. */
export const bodySchema = (route: Route): JsonSchema | undefined =>
  route.body === undefined ? undefined : (z.toJSONSchema(route.body, { io: 'input', unrepresentable: 'any' }) as JsonSchema)

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

interface Example {
  /** What is sent; without it, the required fields of the schema with plain values. */
  readonly body?: (rows: FixtureRows) => unknown
  /** SQL that brings the subject's row into the state the route is for; `$1` is the id named by `of`. */
  readonly arrange?: { readonly sql: string; readonly of: string }
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
const withRevisionRequested = { of: 'approvals', sql: "update approvals set status = 'revision_requested' where id = $1" }

const withMarkIn = (table: string) => ({
  of: 'issues',
  sql: `insert into ${table} (company_id, issue_id, user_id) select company_id, id, 'local-board' from issues where id = $1 on conflict do nothing`,
})

const withLogChunk = {
  of: 'heartbeat-runs',
  sql: "insert into heartbeat_run_log_chunks (run_id, start_offset, byte_size, content) values ($1, 0, 3, '{}\n') on conflict do nothing",
}

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
  patchGoalsById: { body: () => ({ title: 'Another goal' }) },
  patchProjectsById: { body: () => ({ name: 'Another project' }) },
  patchProjectsByIdWorkspacesByWorkspaceId: { body: () => ({ name: 'other' }) },
  postProjectsByIdWorkspaces: { body: () => ({ name: 'second', repoUrl: 'https://example.invalid/second.git' }) },
  patchAgentsByIdPermissions: { body: () => ({ canCreateAgents: true, canAssignTasks: true }) },
  patchAgentsByIdBudgets: { body: () => ({ budgetMonthlyCents: 100 }) },
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
  patchInstanceSettingsGeneral: { body: () => ({ censorUsernameInLogs: true }) },
  patchInstanceSettingsExperimental: { body: () => ({ enableIsolatedWorkspaces: true }) },
}

/** A request that a route is for: its path names rows of the subject, its body is one that may succeed. */
export async function buildRequest(api: ApiUnderTest, route: Route, rows: FixtureRows): Promise<Request> {
  const example = examples[route.operationId]
  if (example?.arrange !== undefined) await api.sql.query(example.arrange.sql, [rowIdIn(rows)(example.arrange.of)])
  return {
    method: route.method,
    path: `${pathOf(route, rowIdIn(rows))}${isEndless(route) ? '?follow=false' : ''}`,
    body: buildBody(route, rows),
  }
}

function buildBody(route: Route, rows: FixtureRows): unknown {
  const schema = bodySchema(route)
  if (schema === undefined) return undefined
  return route.bodyKind === 'file'
    ? formWith(PIXEL, 'image/gif', 'pixel.gif')
    : (examples[route.operationId]?.body?.(rows) ?? sampleValue(schema, 'body', rows))
}

/** True for an answer that has no end unless it is asked for one. */
export const isEndless = (route: Route): boolean => route.streams === 'events'

/** True for routes after which the company of the stage is no longer what it was. */
export const endsCompany = (route: Route): boolean =>
  route.method !== 'get' && (route.path === '/api/companies/:companyId' || route.path === '/api/companies/:companyId/archive')
