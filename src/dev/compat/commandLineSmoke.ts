import { createCommand } from './commandLine.ts'
import type { Command, ExpectedResult } from './commandLine.ts'
import { idOf } from './expected.ts'
import type { Report } from './report.ts'
import { runSmoke } from './runSmoke.ts'
import { callApi } from './setup.ts'
import type { Setup } from './setup.ts'

/** An id that no server knows. */
const UNKNOWN_ID = '00000000-0000-4000-8000-000000000000'

async function companies(board: Command, agent: Command, { base, companyId }: Setup): Promise<void> {
  await board(['company', 'list'], { shape: 'company', includes: { id: companyId } })
  await board(['company', 'list'], { prints: `id=${companyId} name=Acme status=active budgetMonthlyCents=0` })
  await board(['company', 'get', companyId], { shape: 'company', like: { name: 'Acme' } })
  await board(['company', 'get', UNKNOWN_ID], { refused: 'API error 404: Company not found' })
  await board(['company', 'feedback:list', '-C', companyId], { count: 0 })
  await agent(['company', 'list'], { refused: 'API error 403: Board access required' })
  await agent(['company', 'get', companyId], { shape: 'company' })
  await agent(['company', 'delete', companyId, '--yes', '--confirm', companyId], { refused: 'API error 403: Board access required' })
  const deletedId = idOf(await callApi(base, 'POST', '/companies', { body: { name: 'Zzz' } }))
  await board(['company', 'delete', 'ZZZ', '--yes', '--confirm', 'nope'], { refused: "Confirmation 'nope' does not match" })
  await board(['company', 'delete', 'ZZZ', '--by', 'prefix', '--yes', '--confirm', 'ZZZ'], {
    like: { ok: true, deletedCompanyId: deletedId },
  })
  await board(['company', 'delete', 'ZZZ', '--yes', '--confirm', 'ZZZ'], { refused: "No company found for selector 'ZZZ'" })
}

async function agents(board: Command, agent: Command, { companyId, engineer, ceo }: Setup): Promise<void> {
  await board(['agent', 'list', '-C', companyId], { shape: 'agent', count: 2 })
  await board(['agent', 'list', '-C', companyId], { prints: `id=${engineer.id} name=Ada Lovelace status=idle role=engineer` })
  await board(['agent', 'get', engineer.id], { shape: 'agent', like: { chainOfCommand: {}, access: { canAssignTasks: true } } })
  await board(['agent', 'get', UNKNOWN_ID], { refused: 'API error 404: Agent not found' })
  await board(['agent', 'get', 'ada-lovelace'], { refused: 'API error 422' })
  await board(['agent', 'local-cli', 'ada-lovelace', '-C', companyId, '--no-install-skills'], { like: { agent: { id: engineer.id } } })
  await agent(['agent', 'get', 'grace'], { shape: 'agent', like: { id: ceo.id, adapterConfig: {} } })
  await agent(['agent', 'local-cli', engineer.id, '-C', companyId, '--no-install-skills'], { refused: 'Board access required' })
}

async function issues(board: Command, agent: Command, { companyId, projectId, goalId, engineer, ceo }: Setup): Promise<void> {
  const references = ['--project-id', projectId, '--goal-id', goalId, '--assignee-agent-id', engineer.id]
  const numbers = ['--request-depth', '1', '--billing-code', 'X1', '--status', 'todo', '--priority', 'high']
  const like = { projectId, goalId, assigneeAgentId: engineer.id, requestDepth: 1, billingCode: 'X1', status: 'todo', priority: 'high' }
  const created = await board(['issue', 'create', '-C', companyId, '--title', 'Guide', ...references, ...numbers], { shape: 'issue', like })
  const { id, identifier } = created as { id: string; identifier: string }
  await board(['issue', 'create', '-C', companyId, '--title', 'Part', '--parent-id', id], {
    like: { parentId: id, status: 'backlog', goalId },
  })
  await board(['issue', 'create', '-C', companyId, '--title', 'X', '--status', 'in_progress'], { refused: 'API error 422' })
  await board(['issue', 'create', '-C', companyId, '--title', 'X', '--assignee-agent-id', UNKNOWN_ID], { refused: 'API error 404' })
  await board(['issue', 'create', '-C', UNKNOWN_ID, '--title', 'X'], { refused: 'API error 404: Company not found' })
  await board(['issue', 'list', '-C', companyId], { shape: 'issue', count: 2 })
  await board(['issue', 'list', '-C', companyId], { prints: `identifier=${identifier} id=${id} status=todo priority=high title=Guide` })
  await board(['issue', 'list', '-C', companyId, '--status', 'todo,done', '--assignee-agent-id', engineer.id, '--project-id', projectId], {
    count: 1,
  })
  await board(['issue', 'list', '-C', companyId, '--match', 'guid'], { count: 1 })
  await board(['issue', 'get', id], { shape: 'issueDetail', like: { project: { id: projectId }, goal: { id: goalId } } })
  await board(['issue', 'get', identifier.toLowerCase()], { shape: 'issue', like: { id } })
  await board(['issue', 'get', 'NONE-1'], { refused: 'API error 404: Issue not found' })
  await board(['issue', 'comment', id, '--body', 'Hello'], { shape: 'comment', like: { authorUserId: 'local-board' } })
  await board(['issue', 'update', id, '--status', 'done', '--comment', 'Done'], {
    shape: 'issue',
    like: { status: 'done', comment: { body: 'Done' } },
  })
  await board(['issue', 'comment', id, '--body', 'Not quite', '--reopen'], { shape: 'comment' })
  await board(['issue', 'update', identifier, '--title', 'Manual', '--hidden-at', 'null'], { like: { status: 'todo', title: 'Manual' } })
  await board(['issue', 'update', 'NONE-1', '--title', 'X'], { refused: 'API error 404: Issue not found' })
  await board(['issue', 'feedback:list', id], { count: 0 })
  await board(['issue', 'checkout', id, '--agent-id', ceo.id], { refused: 'API error 409: Issue checkout conflict' })
  await board(['issue', 'checkout', id, '--agent-id', engineer.id], {
    shape: 'issue',
    like: { status: 'in_progress', checkoutRunId: null },
  })
  await board(['issue', 'release', id], { shape: 'issue', like: { status: 'todo', assigneeAgentId: null } })

  await agent(['issue', 'list', '-C', companyId], { shape: 'issue', count: 2 })
  await agent(['issue', 'create', '-C', companyId, '--title', 'Mine'], { shape: 'issue', like: { createdByAgentId: engineer.id } })
  await agent(['issue', 'update', id, '--priority', 'low'], { like: { priority: 'low' } })
  await agent(['issue', 'comment', id, '--body', 'On it'], { shape: 'comment', like: { authorAgentId: engineer.id } })
  await agent(['issue', 'checkout', id, '--agent-id', engineer.id], { refused: 'API error 401: Agent run id required' })
  await agent(['issue', 'checkout', id, '--agent-id', ceo.id], { refused: 'API error 403: Agent can only checkout as itself' })
  await agent(['issue', 'release', id], { refused: 'API error 401: Agent run id required' })
}

async function approvals(board: Command, agent: Command, { companyId, ceo, engineer }: Setup): Promise<void> {
  const create = ['approval', 'create', '-C', companyId, '--type']
  const strategy = [...create, 'approve_ceo_strategy', '--payload', '{"plan":"grow","apiKey":"sk-1"}', '--requested-by-agent-id', ceo.id]
  const id = idOf(await board(strategy, { shape: 'approval', like: { status: 'pending', payload: { apiKey: '***REDACTED***' } } }))
  const decided = { decidedByUserId: 'local-board' }
  await board([...create, 'hire_agent', '--payload', '{}', '--issue-ids', UNKNOWN_ID], { refused: 'API error 422' })
  await board(['approval', 'list', '-C', companyId, '--status', 'pending'], { shape: 'approval', includes: { id } })
  await board(['approval', 'list', '-C', companyId], { prints: `id=${id} status=pending type=approve_ceo_strategy` })
  await board(['approval', 'get', id], { shape: 'approval' })
  await board(['approval', 'get', UNKNOWN_ID], { refused: 'API error 404: Approval not found' })
  await board(['approval', 'comment', id, '--body', 'Why?'], { shape: 'approvalComment' })
  await board(['approval', 'request-revision', id, '--decision-note', 'More'], {
    like: { status: 'revision_requested', decisionNote: 'More' },
  })
  await board(['approval', 'request-revision', id], { refused: 'API error 422' })
  await board(['approval', 'resubmit', id, '--payload', '{"plan":"grow more"}'], { like: { status: 'pending', decidedAt: null } })
  await board(['approval', 'resubmit', id], { refused: 'API error 422' })
  await board(['approval', 'approve', id, '--decided-by-user-id', 'another-user'], {
    shape: 'approval',
    like: { status: 'approved', ...decided },
  })
  await board(['approval', 'approve', id], { like: { status: 'approved' } })
  await board(['approval', 'reject', id], { refused: 'API error 422' })
  await board(['approval', 'approve', UNKNOWN_ID], { refused: 'API error 404: Approval not found' })

  const hire = await agent([...create, 'hire_agent', '--payload', '{"name":"Zed","role":"engineer"}'], {
    shape: 'approval',
    like: { requestedByAgentId: engineer.id },
  })
  await agent(['approval', 'approve', idOf(hire)], { refused: 'API error 403: Board access required' })
  await board(['approval', 'approve', idOf(hire), '--decision-note', 'Yes'], { like: { status: 'approved', decisionNote: 'Yes' } })
  await board(['agent', 'list', '-C', companyId], { includes: { name: 'Zed', status: 'idle' } })
  const other = await agent([...create, 'hire_agent', '--payload', '{"name":"Yan"}'], { shape: 'approval' })
  await board(['approval', 'reject', idOf(other), '--decision-note', 'No'], {
    like: { status: 'rejected', decisionNote: 'No', ...decided },
  })
  await board(['approval', 'approve', idOf(other)], { refused: 'API error 422' })
  await board(['activity', 'list', '-C', companyId, '--entity-type', 'approval', '--entity-id', id], {
    shape: 'activity',
    includes: { action: 'approval.approved' },
  })
}

async function overview(board: Command, agent: Command, unauthorized: Command, { companyId, engineer }: Setup): Promise<void> {
  await board(['activity', 'list', '-C', companyId], { shape: 'activity', includes: { action: 'company.created', actorType: 'user' } })
  await board(['activity', 'list', '-C', companyId], {
    prints: 'action=company.created actorType=user actorId=local-board entityType=company',
  })
  await board(['activity', 'list', '-C', companyId, '--agent-id', engineer.id], { shape: 'activity', includes: { agentId: engineer.id } })
  await agent(['activity', 'list', '-C', companyId, '--entity-type', 'company'], { shape: 'activity', count: 1 })
  await board(['dashboard', 'get', '-C', companyId], { shape: 'dashboard', like: { tasks: { open: 3, done: 0 }, agents: { active: 3 } } })
  await board(['dashboard', 'get', '-C', UNKNOWN_ID], { refused: 'API error 404: Company not found' })
  await agent(['dashboard', 'get', '-C', companyId], { shape: 'dashboard' })
  await unauthorized(['issue', 'list', '-C', companyId], { refused: 'API error 401: Unauthorized' })
  await unauthorized(['company', 'list'], { refused: 'API error 401: Unauthorized' })
}

/** Exports a company to a folder in the command line's home and imports it from there. */
async function packages(board: Command, agent: Command, { companyId, engineer }: Setup): Promise<void> {
  const everything = ['--include', 'company,agents,projects,issues']
  const written = { like: { ok: true, rootPath: 'acme', paperclipExtensionPath: '.paperclip.yaml', warningCount: 1 } }
  await board(['company', 'export', companyId, '--out', 'acme', ...everything], written)
  await board(['company', 'export', UNKNOWN_ID, '--out', 'unknown'], { refused: 'API error 404: Company not found' })
  await agent(['company', 'export', companyId, '--out', 'seen'], { like: { ok: true, rootPath: 'acme' } })
  await board(['company', 'import', 'acme', '--dry-run'], { prints: '- create ada-lovelace -> Ada Lovelace' })
  await board(['company', 'import', 'acme', '--dry-run'], {
    like: { targetCompanyName: 'Acme', plan: { companyAction: 'create' }, errors: { length: 0 } },
  })
  const imported = await board(['company', 'import', 'acme', '--yes', '--new-company-name', 'Copy'], {
    like: { company: { name: 'Copy', action: 'created' }, agents: { 0: { action: 'created', name: 'Ada Lovelace' } } },
  })
  const copy = idOf((imported as { company?: unknown }).company)
  await board(['issue', 'list', '-C', copy], { shape: 'issue', includes: { title: 'Manual', status: 'todo' } })
  await board(['activity', 'list', '-C', copy, '--entity-type', 'company'], { includes: { action: 'company.imported' } })
  const importAgain = ['company', 'import', 'acme', '--yes', '-C', copy]
  await board([...importAgain, '--collision', 'skip', '--include', 'agents'], {
    like: { company: { action: 'unchanged' }, agents: { 0: { action: 'skipped' } } },
  })
  await board([...importAgain, '--collision', 'replace'], { refused: 'API error 403: Safe import routes do not allow replace' })
  await board(['company', 'import', 'https://github.com/example/package', '--yes'], { refused: 'API error 422: This server opens no URL' })
  await agent(['company', 'import', 'acme', '--yes'], { refused: 'API error 403: Board access required' })
  await agent(['company', 'import', 'acme', '--yes', '-C', companyId, '--agents', engineer.id], { refused: 'API error 403: Forbidden' })
}

/** Tests the `auth` commands as the board and as an agent. */
async function identity(board: Command, agent: Command): Promise<void> {
  await board(['auth', 'whoami'], { like: { userId: 'local-board', isInstanceAdmin: true, source: 'local_implicit' } })
  await agent(['auth', 'whoami'], { refused: 'API error 403: Board access required' })
  await board(['auth', 'logout'], { like: { ok: true, revoked: false } })
}

/** Votes on a comment and on a plan, and tests the lists, the report and the files of feedback. */
async function feedback(board: Command, agent: Command, { base, companyId, engineer }: Setup, issueId: string): Promise<void> {
  const exported = (count: number): ExpectedResult => ({ like: { count, format: 'ndjson' } })
  await board(['issue', 'feedback:export', issueId, '--out', 'none.ndjson'], exported(0))
  await board(['feedback', 'report', '-C', companyId, '--vote', 'up'], { prints: 'No feedback traces found' })
  const vote = async (fields: object): Promise<unknown> =>
    await callApi(base, 'POST', `/issues/${issueId}/feedback-votes`, { body: fields })
  const comment = idOf(await callApi(base, 'POST', `/issues/${issueId}/comments`, { body: { body: 'Half of it' }, token: engineer.key }))
  await vote({ targetType: 'issue_comment', targetId: comment, vote: 'down', reason: 'Where is the rest?' })
  const plan = await callApi(base, 'PUT', `/issues/${issueId}/documents/plan`, {
    body: { format: 'markdown', title: 'Plan', body: '# All of it' },
  })
  const { latestRevisionId } = plan as { latestRevisionId: string }
  await callApi(base, 'PATCH', `/companies/${companyId}`, { body: { feedbackDataSharingEnabled: true } })
  await vote({ targetType: 'issue_document_revision', targetId: latestRevisionId, vote: 'up', allowSharing: true })
  const downVote = { targetId: comment, vote: 'down', status: 'local_only', issueId }
  await board(['company', 'feedback:list', '-C', companyId], { shape: 'feedbackTrace', count: 2, includes: downVote })
  await board(['company', 'feedback:list', '-C', companyId], {
    prints: ['status=pending', 'targetType=issue_document_revision target=Plan (revision 1)', 'status=local_only', 'target=Comment'],
  })
  await board(['company', 'feedback:list', '-C', companyId, '--shared-only', '--issue-id', issueId], { count: 1 })
  await board(['company', 'feedback:list', '-C', companyId, '--to', '2026-01-01T00:00:00Z'], { count: 0 })
  await board(['company', 'feedback:list', '-C', companyId, '--from', 'yesterday'], { refused: 'API error 400: Validation error' })
  await board(['issue', 'feedback:list', issueId, '--target-type', 'issue_comment', '--include-payload'], {
    count: 1,
    includes: { payloadSnapshot: { target: { body: 'Half of it' } } },
  })
  await board(['company', 'feedback:export', '-C', companyId, '--out', 'company.ndjson'], exported(2))
  await board(['issue', 'feedback:export', issueId, '--vote', 'up', '--out', 'issue.ndjson'], exported(1))
  await board(['feedback', 'report', '-C', companyId, '--payloads'], {
    prints: ['1  thumbs up', '1  thumbs down', '1  downvotes with a reason', 'Excerpt: # All of it', 'Reason: Where is the rest?'],
  })
  await board(['feedback', 'export', '-C', companyId, '--out', 'feedback'], {
    prints: ['Export Summary', '1  thumbs up', '1  with reason', 'index.json', 'votes (2 files)', 'traces (2 files)', '(2 bundles)'],
  })
  await agent(['company', 'feedback:list', '-C', companyId], { refused: 'API error 403: Board access required' })
}

/** Stores the company's id in a profile and runs a command without the option. */
async function context(board: Command, { companyId }: Setup): Promise<void> {
  const expectedOutput = ["Set 'tour' as active profile", `"companyId": "${companyId}"`]
  await board(['context', 'set', '--company-id', companyId, '--profile', 'tour', '--use'], { prints: expectedOutput })
  await board(['issue', 'list'], { shape: 'issue', includes: { companyId } })
}

/** Tests the published command line as the local board and with the API key of an agent. */
export async function commandLineSmoke(file: string, home: string, setup: Setup, report: Report): Promise<void> {
  const commandAs = (key?: string): Command => createCommand({ file, home, apiBase: setup.base, report, key })
  const board = commandAs()
  const agent = commandAs(setup.engineer.key)
  await companies(board, agent, setup)
  await agents(board, agent, setup)
  await issues(board, agent, setup)
  await approvals(board, agent, setup)
  await packages(board, agent, setup)
  await identity(board, agent)
  await overview(board, agent, commandAs(`${setup.engineer.key.slice(0, -1)}x`), setup)
  const [issue] = (await callApi(setup.base, 'GET', `/companies/${setup.companyId}/issues?limit=1`)) as unknown[]
  await feedback(board, agent, setup, idOf(issue))
  await runSmoke(commandAs, home, setup, report)
  await context(board, setup)
}
