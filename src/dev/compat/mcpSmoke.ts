import { idOf, findProblem } from './expected.ts'
import type { Expected } from './expected.ts'
import { startMcpServer } from './mcpServer.ts'
import type { Report } from './report.ts'
import { callApi } from './setup.ts'
import type { Setup } from './setup.ts'

/** Tools for what this server does not have: services of execution workspaces, and a kind of question that came later. */
const unsupportedTools: ReadonlySet<string> = new Set(['paperclipControlIssueWorkspaceServices', 'paperclipRequestCheckboxConfirmation'])

interface ExpectedResult extends Expected {
  /** The status of a refusal. */
  readonly refused?: number
}

/** The status in what a tool says of a refusal; 0 for an answer, -1 for what never reached the server. */
function statusOf(answer: unknown): number {
  if (typeof answer !== 'object' || answer === null || !('error' in answer)) return 0
  return 'status' in answer && typeof answer.status === 'number' ? answer.status : -1
}

function checkResult(answer: unknown, { refused = 0, ...expected }: ExpectedResult): string | null {
  const status = statusOf(answer)
  return status === refused ? findProblem(answer, expected) : `${status}: ${JSON.stringify(answer)}`
}

interface Worker {
  readonly agentId: string
  /** A key of the agent, or the token of its run. */
  readonly key: string
  readonly runId: string
  readonly name: string
}

/** A whole task by the tools of the MCP server, in the hands of one worker; the board answers in between. */
async function runTask(file: string, setup: Setup, report: Report, worker: Worker, mayLink: boolean): Promise<void> {
  const { base, companyId, projectId, goalId } = setup
  const server = await startMcpServer(file, {
    PAPERCLIP_API_URL: base,
    PAPERCLIP_API_KEY: worker.key,
    PAPERCLIP_AGENT_ID: worker.agentId,
    PAPERCLIP_COMPANY_ID: companyId,
    PAPERCLIP_RUN_ID: worker.runId,
  })
  const usedTools = new Set<string>()
  const callTool = async (tool: string, toolArguments: object, expectedResult: ExpectedResult): Promise<unknown> => {
    usedTools.add(`paperclip${tool}`)
    const answer = await server.callTool(`paperclip${tool}`, toolArguments)
    report.record(
      `${worker.name}: ${tool} ${expectedResult.refused ?? ''} ${JSON.stringify(toolArguments).slice(0, 120)}`,
      checkResult(answer, expectedResult),
    )
    return answer
  }
  const board = (path: string, body: object): Promise<unknown> => callApi(base, 'POST', path, body)

  await callTool('Me', {}, { shape: 'agent', like: { id: worker.agentId } })
  await callTool('ListAgents', {}, { shape: 'agent', includes: { id: setup.ceo.id } })
  await callTool('GetAgent', { agentId: 'ada-lovelace' }, { shape: 'agent', like: { id: setup.engineer.id } })
  await callTool('ListProjects', {}, { shape: 'project', includes: { id: projectId } })
  await callTool('GetProject', { projectId: 'site' }, { shape: 'project', like: { id: projectId } })
  await callTool('ListGoals', {}, { shape: 'goal', includes: { id: goalId } })
  await callTool('GetGoal', { goalId }, { shape: 'goal' })

  const toolArguments = { title: 'Write the guide', status: 'todo', priority: 'high', projectId, idempotencyKey: `guide-${worker.runId}` }
  const issueId = idOf(
    await callTool('CreateIssue', toolArguments, { shape: 'issue', like: { status: 'todo', createdByAgentId: worker.agentId, goalId } }),
  )
  await callTool('CreateIssue', toolArguments, { like: { id: issueId } })
  await callTool('CheckoutIssue', { issueId }, { shape: 'issue', like: { status: 'in_progress', checkoutRunId: worker.runId } })
  await callTool('CheckoutIssue', { issueId }, { like: { id: issueId, checkoutRunId: worker.runId } })
  await callTool('InboxLite', {}, { shape: 'inboxItem', includes: { id: issueId, activeRun: { id: worker.runId } } })
  await callTool('ListIssues', { status: 'in_progress', assigneeAgentId: worker.agentId }, { shape: 'issue', includes: { id: issueId } })
  await callTool('GetIssue', { issueId }, { shape: 'issueDetail', like: { goal: { id: goalId } } })
  await callTool('GetHeartbeatContext', { issueId }, { shape: 'context', like: { issue: { id: issueId }, project: { id: projectId } } })

  const childId = idOf(await callTool('CreateIssue', { title: 'Ask around', parentId: issueId }, { like: { parentId: issueId } }))
  await callTool(
    'UpdateIssue',
    { issueId, blockedByIssueIds: [childId], comment: 'Waiting' },
    { like: { blockedBy: { 0: { id: childId } } } },
  )
  await callTool('UpdateIssue', { issueId, blockedByIssueIds: [], title: 'Write the manual' }, { like: { title: 'Write the manual' } })
  await callTool('UpdateIssue', { issueId, blockedByIssueIds: [issueId] }, { refused: 422 })
  const commentId = idOf(
    await callTool('AddComment', { issueId, body: 'Half way' }, { shape: 'comment', like: { createdByRunId: worker.runId } }),
  )
  await callTool('ListComments', { issueId, order: 'asc' }, { shape: 'comment', count: 2 })
  await callTool('ListComments', { issueId, order: 'asc', after: commentId }, { count: 0 })
  await callTool('GetComment', { issueId, commentId }, { shape: 'comment', like: { body: 'Half way' } })
  await callTool('GetHeartbeatContext', { issueId, wakeCommentId: commentId }, { like: { wakeComment: { id: commentId } } })

  const document = { issueId, key: 'plan' }
  const first = await callTool(
    'UpsertIssueDocument',
    { ...document, title: 'Plan', body: 'one' },
    { shape: 'document', like: { body: 'one' } },
  )
  const { latestRevisionId } = first as { latestRevisionId: string }
  const next = { ...document, body: 'two', baseRevisionId: latestRevisionId, changeSummary: 'more' }
  await callTool('UpsertIssueDocument', next, { shape: 'document', like: { latestRevisionNumber: 2 } })
  await callTool('UpsertIssueDocument', next, { refused: 409 })
  await callTool('ListDocuments', { issueId }, { shape: 'document', count: 1 })
  await callTool('GetDocument', document, { shape: 'document', like: { body: 'two' } })
  await callTool('GetDocument', { issueId, key: 'none' }, { refused: 404 })
  await callTool('ListDocumentRevisions', document, { shape: 'revision', count: 2 })
  const restored = await callTool('RestoreIssueDocumentRevision', { ...document, revisionId: latestRevisionId }, { like: { body: 'one' } })

  const approvalFields = { type: 'request_board_approval', payload: { title: 'Spend', apiKey: 'sk-1' }, issueIds: [issueId] }
  const secret = { payload: { apiKey: '***REDACTED***' }, requestedByAgentId: worker.agentId }
  const approvalId = idOf(await callTool('CreateApproval', approvalFields, { shape: 'approval', like: secret }))
  await callTool('ListApprovals', { status: 'pending' }, { shape: 'approval', includes: { id: approvalId } })
  await callTool('GetApproval', { approvalId }, { shape: 'approval', like: { status: 'pending' } })
  await callTool('GetApprovalIssues', { approvalId }, { includes: { id: issueId } })
  await callTool('ListIssueApprovals', { issueId }, { shape: 'approval', count: 1 })
  const strategy = idOf(await callTool('CreateApproval', { type: 'approve_ceo_strategy', payload: {} }, { shape: 'approval' }))
  const linking = mayLink ? {} : { refused: 403 }
  await callTool('LinkIssueApproval', { issueId, approvalId: strategy }, mayLink ? { shape: 'approval', count: 2 } : linking)
  await callTool('UnlinkIssueApproval', { issueId, approvalId: strategy }, mayLink ? { like: { ok: true } } : linking)
  await callTool('AddApprovalComment', { approvalId, body: 'Please' }, { shape: 'approvalComment' })
  await callTool('ListApprovalComments', { approvalId }, { shape: 'approvalComment', count: 1 })
  for (const action of ['approve', 'reject', 'requestRevision'])
    await callTool('ApprovalDecision', { approvalId, action }, { refused: 403 })
  await board(`/approvals/${approvalId}/request-revision`, { decisionNote: 'Less' })
  const again = { approvalId, action: 'resubmit', payloadJson: '{"title":"Spend less"}' }
  await callTool('ApprovalDecision', again, { shape: 'approval', like: { status: 'pending', payload: { title: 'Spend less' } } })

  const thread = `/issues/${issueId}/interactions`
  const questions = [{ id: 'q', prompt: 'Which?', selectionMode: 'single', options: [{ id: 'a', label: 'A' }] }]
  const question = { issueId, payload: { version: 1, questions }, idempotencyKey: 'which' }
  const questionId = idOf(await callTool('AskUserQuestions', question, { shape: 'interaction', like: { status: 'pending' } }))
  await callTool('AskUserQuestions', question, { like: { id: questionId } })
  await board(`${thread}/${questionId}/respond`, { answers: [{ questionId: 'q', optionIds: ['a'] }] })
  const tasks = [
    { clientKey: 'a', title: 'Outline', labels: ['docs'] },
    { clientKey: 'b', title: 'Chapter', parentClientKey: 'a', hiddenInPreview: true },
  ]
  const suggestion = await callTool('SuggestTasks', { issueId, payload: { version: 1, tasks } }, { shape: 'interaction' })
  await board(`${thread}/${idOf(suggestion)}/accept`, {})
  const { latestRevisionId: revisionId } = restored as { latestRevisionId: string }
  const target = { type: 'issue_document', issueId, key: 'plan', revisionId }
  const confirmation = await callTool(
    'RequestConfirmation',
    { issueId, payload: { version: 1, prompt: 'Go?', target } },
    { shape: 'interaction' },
  )
  await board(`${thread}/${idOf(confirmation)}/accept`, {})
  const refusable = { version: 1, prompt: 'Ship?', target: { type: 'custom', key: 'ship', label: 'Ship', href: '/ship' } }
  const shipping = await callTool('RequestConfirmation', { issueId, payload: refusable }, { shape: 'interaction' })
  await board(`${thread}/${idOf(shipping)}/reject`, { reason: 'Not today' })
  const all = { method: 'GET', path: thread }
  await callTool('ApiRequest', all, { shape: 'interaction', count: 4, includes: { id: questionId, status: 'answered' } })
  await callTool('ApiRequest', all, { includes: { id: idOf(suggestion), status: 'accepted' } })
  await callTool('ApiRequest', all, { includes: { id: idOf(confirmation), status: 'accepted' } })
  await callTool('ApiRequest', all, { includes: { id: idOf(shipping), status: 'rejected' } })
  await callTool(
    'ApiRequest',
    { method: 'POST', path: `/issues/${issueId}/children`, jsonBody: '{"title":"Appendix"}' },
    { shape: 'issue' },
  )
  await callTool('GetIssueWorkspaceRuntime', { issueId }, { like: { context: { issue: { id: issueId } } } })
  await callTool('WaitForIssueWorkspaceService', { issueId, timeoutSeconds: 1 }, { like: { timedOut: true } })

  await callTool('ReleaseIssue', { issueId }, { shape: 'issue', like: { status: 'todo', assigneeAgentId: null, checkoutRunId: null } })
  await callTool('CheckoutIssue', { issueId, expectedStatuses: ['todo'] }, { like: { status: 'in_progress' } })
  await callTool('UpdateIssue', { issueId, status: 'done', comment: 'Written' }, { like: { status: 'done', checkoutRunId: null } })
  await callTool('GetIssue', { issueId: 'NONE-1' }, { refused: 404 })

  const unusedTools = (await server.tools()).filter((tool) => !usedTools.has(tool) && !unsupportedTools.has(tool))
  report.record(`${worker.name}: every tool was used`, unusedTools.length === 0 ? null : unusedTools.join(', '))
  await server.stop()
}

/** The public MCP server, in the hands of an engineer with the token of a run and of a CEO with a key. */
export async function mcpSmoke(file: string, setup: Setup, report: Report): Promise<void> {
  const openRun = async (agent: Setup['ceo']): Promise<{ run: { id: string }; token: string }> =>
    (await callApi(setup.base, 'POST', `/agents/${agent.id}/runs`, {}, agent.key)) as { run: { id: string }; token: string }
  const engineer = await openRun(setup.engineer)
  const ceo = await openRun(setup.ceo)
  const engineerWorker = { name: 'engineer', agentId: setup.engineer.id, key: engineer.token, runId: engineer.run.id }
  const ceoWorker = { name: 'ceo', agentId: setup.ceo.id, key: setup.ceo.key, runId: ceo.run.id }
  await runTask(file, setup, report, engineerWorker, false)
  await runTask(file, setup, report, ceoWorker, true)
}
