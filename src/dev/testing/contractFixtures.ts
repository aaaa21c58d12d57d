import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import type { RunTokens } from '../../auth/runTokens.ts'
import { hashToken, generateAgentKey } from '../../auth/tokens.ts'
import type { Pool } from '../../platform/db/driver/client.ts'
import { newIds, pathIds } from './fixtureIds.ts'
import { sendRequest } from './rawRequest.ts'
import { stageSkillFolder } from './skillFolder.ts'
import type { Reply } from './rawRequest.ts'
import { memberRoles } from '../../platform/kernel/actor.ts'
import { insertRoutine } from './routineFixtures.ts'
import { newSessionToken, sessionCookie, TEST_PASSWORD_HASH } from './sessions.ts'
import { insertWebhook } from './webhookFixtures.ts'
import { insertWorkspace } from './workspaceFixtures.ts'

/**
 * The fixtures of the tests that visit every route: a caller of every kind, a row of every kind, a body for every route. They
 * need no test runner, because the permission table is also written by `npm run docs`.
 */

/** A server to be asked. */
export interface ApiUnderTest {
  readonly url: string
  readonly tokens: RunTokens
  /** For arranging rows beside the server. */
  readonly sql: Pool
}

interface Company {
  readonly id: string
  readonly prefix: string
}

interface Agent {
  readonly id: string
  readonly key: string
}

/** The people of a company by role; one who is a member of none, and one who administers the instance. */
export const peopleKinds = ['stranger', ...memberRoles.toReversed(), 'administrator'] as const
export type PersonKind = (typeof peopleKinds)[number]

/** A company with a caller of every kind, and a stranger outside. */
export interface Fixtures {
  readonly api: ApiUnderTest
  readonly company: Company
  readonly peer: Agent
  readonly ceo: Agent
  readonly creator: Agent
  readonly outsider: Agent
  readonly outsiderToken: string
  readonly revokedKey: string
  /** The cookie of each person. */
  readonly cookies: Readonly<Record<PersonKind, string>>
}

/** A person of a subject, with a session to act by and another one. */
interface SubjectPerson {
  readonly email: string
  readonly cookie: string
  readonly otherSessionId: string
  /** The key of its command line. */
  readonly boardKey: string
}

/** One agent, one run of it, and one row of every kind that refers to them: the rows that a path may name. */
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
  readonly person: SubjectPerson
}

async function createVia(api: ApiUnderTest, path: string, body: unknown): Promise<Reply['body']> {
  const reply = await sendRequest(api.url, { method: 'post', path, body })
  if (reply.status !== 201) throw new Error(`cannot create the fixtures: POST ${path} gives ${reply.status} ${reply.text}`)
  return reply.body
}

async function createCompany(api: ApiUnderTest): Promise<Company> {
  const { id, issuePrefix } = await createVia(api, '/api/companies', { name: 'Stage' })
  await api.sql.query('update companies set require_board_approval_for_new_agents = false where id = $1', [id])
  return { id, prefix: issuePrefix }
}

let count = 0

/** Creates an agent with a key. */
export async function createAgent(api: ApiUnderTest, companyId: string, fields: Record<string, unknown> = {}): Promise<Agent> {
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

const insertPerson = `
  with person as (insert into people (id, name, email) values ($1, 'Actor', $1 || '@example.com')),
    member as (insert into company_memberships (company_id, principal_type, principal_id, membership_role)
      select $3::uuid, 'user', $1, $4 where $4 in ('owner', 'admin', 'operator', 'viewer')),
    administrator as (insert into instance_administrators (person_id) select $1 where $4 = 'administrator')
  insert into sign_ins (id, token, person_id, expires_at) values (gen_random_uuid(), $2, $1, now() + interval '1 day')`

/** Creates a person and signs it in. @returns its cookie */
export async function createPerson(api: ApiUnderTest, companyId: string, kind: PersonKind): Promise<string> {
  const token = newSessionToken()
  await api.sql.query({ name: 'make_person', text: insertPerson, values: [randomUUID(), token, companyId, kind] })
  return sessionCookie(token)
}

/** Creates the callers and the companies. */
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
  const runId = randomUUID()
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
    cookies: Object.fromEntries(
      await Promise.all(peopleKinds.map(async (kind) => [kind, await createPerson(api, company.id, kind)])),
    ) as Record<PersonKind, string>,
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
    person as (insert into people (id, name, email) values ($27, 'On stage', $27 || '@example.com')),
    other as (insert into people (id, name, email) values ($32::uuid::text, 'Member', $32::uuid::text || '@example.com')),
    member_person as (insert into company_memberships (id, company_id, principal_type, principal_id, membership_role)
      values ($33, $1, 'user', $32::uuid::text, 'operator')),
    invite as (insert into invites (id, company_id, invite_type, token_hash, allowed_join_types, expires_at)
      values ($34, $1, 'company_join', $35, 'both', now() + interval '1 day')),
    join_request as (insert into join_requests (id, invite_id, company_id, request_type, request_ip, requesting_user_id,
        claim_secret_hash, claim_secret_expires_at)
      values ($36, $34, $1, 'human', '127.0.0.1', $27, $37, now() + interval '1 day')),
    challenge as (insert into cli_challenges (id, secret_hash, pending_key_hash, command, requested_access, expires_at)
      values ($38, $37, $39, 'stage', 'board', now() + interval '1 hour')),
    board_key as (insert into board_keys (user_id, name, key_hash, expires_at) values ($27, 'stage', $40, now() + interval '1 hour')),
    board_claim as (insert into board_claims (id, token_hash, code_hash, expires_at) values ($41, $42, $37, now() + interval '1 hour')),
    login as (insert into logins (id, account_id, provider_id, person_id, password)
      values (gen_random_uuid(), $27, 'credential', $27, $31)),
    session as (insert into sign_ins (id, token, person_id, expires_at)
      values ($28, $29, $27, now() + interval '1 day'), (gen_random_uuid(), $30, $27, now() + interval '1 day')),
    policy as (insert into budget_policies (id, company_id, scope_type, scope_id, window_kind, amount, hard_stop_enabled)
      values ($44, $1, 'project', $11, 'lifetime', 1000, false)),
    incident as (insert into budget_incidents (id, company_id, policy_id, scope_type, scope_id, metric, window_kind, window_start, threshold_type,
        amount_limit, amount_observed, policy_revision)
      values ($43, $1, $44, 'project', $11, 'billed_cents', 'lifetime', '1970-01-01T00:00:00Z', 'soft', 1000, 1000, 1)),
    secret as (insert into company_secrets (id, company_id, name) values ($45::uuid, $1, 'Secret ' || $45::uuid::text)),
    vote as (insert into feedback_votes (id, company_id, issue_id, target_type, target_id, author_user_id, vote, is_shared)
      values ($23, $1, $4, 'issue_comment', $7, 'a-person', 'down', false)),
    trace as (insert into feedback_traces (id, company_id, issue_id, feedback_vote_id, status, target_summary, payload_snapshot)
      values ($24, $1, $4, $23, 'local_only', '{"label":"Comment","excerpt":"A word","authorAgentId":null,"authorUserId":null,
        "createdAt":"2026-04-01T00:00:00.000Z","documentKey":null,"documentTitle":null,"revisionNumber":null}', '{"target":{"body":"A word"}}'))
  insert into agent_config_revisions (id, company_id, agent_id, source, changed_keys, before_config, after_config)
    select $20, $1, $2, 'patch', '["title"]', '{}', jsonb_build_object('name', 'On stage ' || $2::uuid::text, 'role', 'general',
      'title', 'Long before', 'reportsTo', null, 'capabilities', null, 'adapterType', 'process', 'adapterConfig', '{}'::jsonb,
      'runtimeConfig', '{}'::jsonb, 'budgetMonthlyCents', 0, 'metadata', null)`

/** The rows of skills and instructions, behind the agent that has them. */
const insertTextRows = `
  with skill as (insert into company_skills (id, company_id, slug, name, description, source_type, source_locator, content_hash, file_count, byte_size)
      values ($3::uuid, $1, 'stage-' || $3::uuid::text, 'On stage', 'A skill', 'folder', $4, repeat('0', 64), 1, 4)),
    skill_file as (insert into company_skill_files (skill_id, company_id, path, content) values ($3, $1, 'SKILL.md', 'Bow.')),
    bundle as (insert into instruction_bundles (agent_id, company_id, entry_file) values ($2, $1, 'AGENTS.md'))
  insert into instruction_files (agent_id, company_id, path, content, revision_id)
    values ($2, $1, 'AGENTS.md', 'Play.', gen_random_uuid()), ($2, $1, 'TOOLS.md', 'A hat.', gen_random_uuid())`

/** The secret of the request to join, of the login of a command line, and of the claim of the instance. */
export const STAGE_SECRET = 'pcp_claim_of_the_stage'

/** Creates the rows of a subject in one statement: hundreds are created, and one request for each would cost the suite seconds. */
export async function createFixtureRows({ api, company }: Fixtures): Promise<FixtureRows> {
  const key = generateAgentKey()
  const number = randomInt(1000, 2_000_000_000)
  const id = newIds()
  const own = [company.id, id.agent, id.run, id.issue, number, `${company.prefix}-${number}`, id.comment, id.key]
  const planning = [hashToken(generateAgentKey()), id.goal, id.project, id.workspace, id.label, id.approval, id.spareApproval]
  const texts = [id.document, id.revision, id.latestRevision, id.interaction, id.configRevision, hashToken(key)]
  const results = [id.workProduct, id.vote, id.trace, id.attachment, id.asset]
  const token = newSessionToken()
  const persons = [id.person, id.otherSession, newSessionToken(), token, TEST_PASSWORD_HASH, id.memberPerson, id.member]
  const joining = [id.invite, hashToken(id.invite), id.joinRequest, hashToken(STAGE_SECRET)]
  const boardKey = `pcp_board_${randomBytes(24).toString('hex')}`
  const commandLine = [id.challenge, hashToken(randomUUID()), hashToken(boardKey)]
  const claiming = [id.boardClaim, hashToken(id.boardClaim)]
  const budgets = [id.budgetIncident, id.budgetPolicy, id.secret]
  await api.sql.query({
    name: 'make_subject',
    text: insertFixtureRows,
    values: [...own, ...planning, ...texts, ...results, ...persons, ...joining, ...commandLine, ...claiming, ...budgets],
  })
  await insertWebhook(api.sql, company.id, id.webhook)
  await insertWorkspace(api.sql, [company.id, id.agent, id.project, id.workspace, id.issue, id.executionWorkspace, id.workspaceOperation])
  await insertRoutine(api.sql, [company.id, id.agent, id.routine, id.routineTrigger])
  await api.sql.query({ name: 'make_texts', text: insertTextRows, values: [company.id, id.agent, id.skill, stageSkillFolder] })
  const { token: runToken } = await api.tokens.sign({ agentId: id.agent, companyId: company.id, adapterType: 'process', runId: id.run })
  return {
    companyId: company.id,
    agent: { id: id.agent, key },
    runId: id.run,
    runToken,
    issueId: id.issue,
    spareApprovalId: id.spareApproval,
    latestRevisionId: id.latestRevision,
    commentId: id.comment,
    person: { email: `${id.person}@example.com`, cookie: sessionCookie(token), otherSessionId: id.otherSession, boardKey },
    ids: pathIds(company.id, id),
  }
}
