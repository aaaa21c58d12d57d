import { idOf, problemOf } from './expected.ts'
import type { Expected } from './expected.ts'
import { startMcpServer } from './mcpServer.ts'
import type { Report } from './report.ts'
import { call } from './scene.ts'
import type { Scene } from './scene.ts'

/** Tools for what this server does not have: services of execution workspaces, and a kind of question that came later. */
const elsewhere: ReadonlySet<string> = new Set(['paperclipControlIssueWorkspaceServices', 'paperclipRequestCheckboxConfirmation'])

interface Wanted extends Expected {
  /** The status of a refusal. */
  readonly refused?: number
}

/** The status in what a tool says of a refusal; 0 for an answer, -1 for what never reached the server. */
function statusOf(answer: unknown): number {
  if (typeof answer !== 'object' || answer === null || !('error' in answer)) return 0
  return 'status' in answer && typeof answer.status === 'number' ? answer.status : -1
}

function judge(answer: unknown, { refused = 0, ...expected }: Wanted): string | null {
  const status = statusOf(answer)
  return status === refused ? problemOf(answer, expected) : `${status}: ${JSON.stringify(answer)}`
}

interface Worker {
  readonly agentId: string
  /** A key of the agent, or the token of its run. */
  readonly key: string
  readonly runId: string
  readonly name: string
}

/** A whole task by the tools of the MCP server, in the hands of one worker; the board answers in between. */
async function work(file: string, scene: Scene, report: Report, worker: Worker, mayLink: boolean): Promise<void> {
  const { base, companyId, projectId, goalId } = scene
  const server = await startMcpServer(file, {
    PAPERCLIP_API_URL: base,
    PAPERCLIP_API_KEY: worker.key,
    PAPERCLIP_AGENT_ID: worker.agentId,
    PAPERCLIP_COMPANY_ID: companyId,
    PAPERCLIP_RUN_ID: worker.runId,
  })
  const used = new Set<string>()
  const use = async (tool: string, given: object, wanted: Wanted): Promise<unknown> => {
    used.add(`paperclip${tool}`)
    const answer = await server.use(`paperclip${tool}`, given)
    report.note(`${worker.name}: ${tool} ${wanted.refused ?? ''} ${JSON.stringify(given).slice(0, 120)}`, judge(answer, wanted))
    return answer
  }
  const board = (path: string, body: object): Promise<unknown> => call(base, 'POST', path, body)

  await use('Me', {}, { shape: 'agent', like: { id: worker.agentId } })
  await use('ListAgents', {}, { shape: 'agent', includes: { id: scene.ceo.id } })
  await use('GetAgent', { agentId: 'ada-lovelace' }, { shape: 'agent', like: { id: scene.engineer.id } })
  await use('ListProjects', {}, { shape: 'project', includes: { id: projectId } })
  await use('GetProject', { projectId: 'site' }, { shape: 'project', like: { id: projectId } })
  await use('ListGoals', {}, { shape: 'goal', includes: { id: goalId } })
  await use('GetGoal', { goalId }, { shape: 'goal' })

  const given = { title: 'Write the guide', status: 'todo', priority: 'high', projectId, idempotencyKey: `guide-${worker.runId}` }
  const issueId = idOf(
    await use('CreateIssue', given, { shape: 'issue', like: { status: 'todo', createdByAgentId: worker.agentId, goalId } }),
  )
  await use('CreateIssue', given, { like: { id: issueId } })
  await use('CheckoutIssue', { issueId }, { shape: 'issue', like: { status: 'in_progress', checkoutRunId: worker.runId } })
  await use('CheckoutIssue', { issueId }, { like: { id: issueId, checkoutRunId: worker.runId } })
  await use('InboxLite', {}, { shape: 'inboxItem', includes: { id: issueId, activeRun: { id: worker.runId } } })
  await use('ListIssues', { status: 'in_progress', assigneeAgentId: worker.agentId }, { shape: 'issue', includes: { id: issueId } })
  await use('GetIssue', { issueId }, { shape: 'issueDetail', like: { goal: { id: goalId } } })
  await use('GetHeartbeatContext', { issueId }, { shape: 'context', like: { issue: { id: issueId }, project: { id: projectId } } })

  const later = idOf(await use('CreateIssue', { title: 'Ask around', parentId: issueId }, { like: { parentId: issueId } }))
  await use('UpdateIssue', { issueId, blockedByIssueIds: [later], comment: 'Waiting' }, { like: { blockedBy: { 0: { id: later } } } })
  await use('UpdateIssue', { issueId, blockedByIssueIds: [], title: 'Write the manual' }, { like: { title: 'Write the manual' } })
  await use('UpdateIssue', { issueId, blockedByIssueIds: [issueId] }, { refused: 422 })
  const commentId = idOf(
    await use('AddComment', { issueId, body: 'Half way' }, { shape: 'comment', like: { createdByRunId: worker.runId } }),
  )
  await use('ListComments', { issueId, order: 'asc' }, { shape: 'comment', count: 2 })
  await use('ListComments', { issueId, order: 'asc', after: commentId }, { count: 0 })
  await use('GetComment', { issueId, commentId }, { shape: 'comment', like: { body: 'Half way' } })
  await use('GetHeartbeatContext', { issueId, wakeCommentId: commentId }, { like: { wakeComment: { id: commentId } } })

  const document = { issueId, key: 'plan' }
  const first = await use('UpsertIssueDocument', { ...document, title: 'Plan', body: 'one' }, { shape: 'document', like: { body: 'one' } })
  const { latestRevisionId } = first as { latestRevisionId: string }
  const next = { ...document, body: 'two', baseRevisionId: latestRevisionId, changeSummary: 'more' }
  await use('UpsertIssueDocument', next, { shape: 'document', like: { latestRevisionNumber: 2 } })
  await use('UpsertIssueDocument', next, { refused: 409 })
  await use('ListDocuments', { issueId }, { shape: 'document', count: 1 })
  await use('GetDocument', document, { shape: 'document', like: { body: 'two' } })
  await use('GetDocument', { issueId, key: 'none' }, { refused: 404 })
  await use('ListDocumentRevisions', document, { shape: 'revision', count: 2 })
  const restored = await use('RestoreIssueDocumentRevision', { ...document, revisionId: latestRevisionId }, { like: { body: 'one' } })

  const asked = { type: 'request_board_approval', payload: { title: 'Spend', apiKey: 'sk-1' }, issueIds: [issueId] }
  const secret = { payload: { apiKey: '***REDACTED***' }, requestedByAgentId: worker.agentId }
  const approvalId = idOf(await use('CreateApproval', asked, { shape: 'approval', like: secret }))
  await use('ListApprovals', { status: 'pending' }, { shape: 'approval', includes: { id: approvalId } })
  await use('GetApproval', { approvalId }, { shape: 'approval', like: { status: 'pending' } })
  await use('GetApprovalIssues', { approvalId }, { includes: { id: issueId } })
  await use('ListIssueApprovals', { issueId }, { shape: 'approval', count: 1 })
  const strategy = idOf(await use('CreateApproval', { type: 'approve_ceo_strategy', payload: {} }, { shape: 'approval' }))
  const linking = mayLink ? {} : { refused: 403 }
  await use('LinkIssueApproval', { issueId, approvalId: strategy }, mayLink ? { shape: 'approval', count: 2 } : linking)
  await use('UnlinkIssueApproval', { issueId, approvalId: strategy }, mayLink ? { like: { ok: true } } : linking)
  await use('AddApprovalComment', { approvalId, body: 'Please' }, { shape: 'approvalComment' })
  await use('ListApprovalComments', { approvalId }, { shape: 'approvalComment', count: 1 })
  for (const action of ['approve', 'reject', 'requestRevision']) await use('ApprovalDecision', { approvalId, action }, { refused: 403 })
  await board(`/approvals/${approvalId}/request-revision`, { decisionNote: 'Less' })
  const again = { approvalId, action: 'resubmit', payloadJson: '{"title":"Spend less"}' }
  await use('ApprovalDecision', again, { shape: 'approval', like: { status: 'pending', payload: { title: 'Spend less' } } })

  const thread = `/issues/${issueId}/interactions`
  const questions = [{ id: 'q', prompt: 'Which?', selectionMode: 'single', options: [{ id: 'a', label: 'A' }] }]
  const question = { issueId, payload: { version: 1, questions }, idempotencyKey: 'which' }
  const questionId = idOf(await use('AskUserQuestions', question, { shape: 'interaction', like: { status: 'pending' } }))
  await use('AskUserQuestions', question, { like: { id: questionId } })
  await board(`${thread}/${questionId}/respond`, { answers: [{ questionId: 'q', optionIds: ['a'] }] })
  const tasks = [
    { clientKey: 'a', title: 'Outline', labels: ['docs'] },
    { clientKey: 'b', title: 'Chapter', parentClientKey: 'a', hiddenInPreview: true },
  ]
  const suggestion = await use('SuggestTasks', { issueId, payload: { version: 1, tasks } }, { shape: 'interaction' })
  await board(`${thread}/${idOf(suggestion)}/accept`, {})
  const { latestRevisionId: revisionId } = restored as { latestRevisionId: string }
  const target = { type: 'issue_document', issueId, key: 'plan', revisionId }
  const confirmation = await use(
    'RequestConfirmation',
    { issueId, payload: { version: 1, prompt: 'Go?', target } },
    { shape: 'interaction' },
  )
  await board(`${thread}/${idOf(confirmation)}/accept`, {})
  const refusable = { version: 1, prompt: 'Ship?', target: { type: 'custom', key: 'ship', label: 'Ship', href: '/ship' } }
  const shipping = await use('RequestConfirmation', { issueId, payload: refusable }, { shape: 'interaction' })
  await board(`${thread}/${idOf(shipping)}/reject`, { reason: 'Not today' })
  const all = { method: 'GET', path: thread }
  await use('ApiRequest', all, { shape: 'interaction', count: 4, includes: { id: questionId, status: 'answered' } })
  await use('ApiRequest', all, { includes: { id: idOf(suggestion), status: 'accepted' } })
  await use('ApiRequest', all, { includes: { id: idOf(confirmation), status: 'accepted' } })
  await use('ApiRequest', all, { includes: { id: idOf(shipping), status: 'rejected' } })
  await use('ApiRequest', { method: 'POST', path: `/issues/${issueId}/children`, jsonBody: '{"title":"Appendix"}' }, { shape: 'issue' })
  await use('GetIssueWorkspaceRuntime', { issueId }, { like: { context: { issue: { id: issueId } } } })
  await use('WaitForIssueWorkspaceService', { issueId, timeoutSeconds: 1 }, { like: { timedOut: true } })

  await use('ReleaseIssue', { issueId }, { shape: 'issue', like: { status: 'todo', assigneeAgentId: null, checkoutRunId: null } })
  await use('CheckoutIssue', { issueId, expectedStatuses: ['todo'] }, { like: { status: 'in_progress' } })
  await use('UpdateIssue', { issueId, status: 'done', comment: 'Written' }, { like: { status: 'done', checkoutRunId: null } })
  await use('GetIssue', { issueId: 'NONE-1' }, { refused: 404 })

  const missed = (await server.tools()).filter((tool) => !used.has(tool) && !elsewhere.has(tool))
  report.note(`${worker.name}: every tool was used`, missed.length === 0 ? null : missed.join(', '))
  await server.stop()
}

/** The public MCP server, in the hands of an engineer with the token of a run and of a CEO with a key. */
export async function mcpTour(file: string, scene: Scene, report: Report): Promise<void> {
  const open = async (agent: Scene['ceo']): Promise<{ run: { id: string }; token: string }> =>
    (await call(scene.base, 'POST', `/agents/${agent.id}/runs`, {}, agent.key)) as { run: { id: string }; token: string }
  const engineer = await open(scene.engineer)
  const ceo = await open(scene.ceo)
  const byToken = { name: 'engineer', agentId: scene.engineer.id, key: engineer.token, runId: engineer.run.id }
  const byKey = { name: 'ceo', agentId: scene.ceo.id, key: scene.ceo.key, runId: ceo.run.id }
  await work(file, scene, report, byToken, false)
  await work(file, scene, report, byKey, true)
}
