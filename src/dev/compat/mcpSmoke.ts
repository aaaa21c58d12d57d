import { idOf, findProblem } from './expected.ts'
import type { Expected } from './expected.ts'
import { startMcpServer } from './mcpServer.ts'
import type { Report } from './report.ts'
import { callApi } from './setup.ts'
import type { Setup } from './setup.ts'

/** Tools for features that this server does not have: services of execution workspaces, and a later kind of confirmation. */
const unsupportedTools: ReadonlySet<string> = new Set(['paperclipControlIssueWorkspaceServices', 'paperclipRequestCheckboxConfirmation'])

interface ExpectedResult extends Expected {
  /** The status of a refusal. */
  readonly refused?: number
}

/** The status of a refusal as the tool returns it; 0 for an accepted request, -1 for an error without a status. */
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
  /** Whether the worker may link approvals to issues. */
  readonly mayLink: boolean
}

type CallTool = (tool: string, toolArguments: object, expectedResult: ExpectedResult) => Promise<unknown>

/** The parts that all steps of a task share. */
interface TaskContext {
  readonly setup: Setup
  readonly worker: Worker
  /** Calls a tool as the worker and records whether its answer is as expected. */
  readonly callTool: CallTool
  /** Sends a request as the local board. */
  readonly board: (path: string, body: object) => Promise<unknown>
}

/** Runs a whole task with the tools of the MCP server as one worker. The local board answers its questions. */
async function runTask(file: string, setup: Setup, report: Report, worker: Worker): Promise<void> {
  const { base, companyId } = setup
  const server = await startMcpServer(file, {
    PAPERCLIP_API_URL: base,
    PAPERCLIP_API_KEY: worker.key,
    PAPERCLIP_AGENT_ID: worker.agentId,
    PAPERCLIP_COMPANY_ID: companyId,
    PAPERCLIP_RUN_ID: worker.runId,
  })
  const usedTools = new Set<string>()
  const callTool: CallTool = async (tool, toolArguments, expectedResult) => {
    usedTools.add(`paperclip${tool}`)
    const answer = await server.callTool(`paperclip${tool}`, toolArguments)
    report.record(
      `${worker.name}: ${tool} ${expectedResult.refused ?? ''} ${JSON.stringify(toolArguments).slice(0, 120)}`,
      checkResult(answer, expectedResult),
    )
    return answer
  }
  const context: TaskContext = { setup, worker, callTool, board: (path, body) => callApi(base, 'POST', path, { body }) }

  await readCompany(context)
  const issueId = await checkoutNewIssue(context)
  await readIssue(context, issueId)
  await blockIssue(context, issueId)
  await addComments(context, issueId)
  const revisionId = await reviseDocument(context, issueId)
  const approvalId = await createApproval(context, issueId)
  await linkApproval(context, issueId)
  await decideApproval(context, approvalId)
  const questionId = await askQuestion(context, issueId)
  const suggestionId = await suggestTasks(context, issueId)
  const { confirmationId, shippingId } = await requestConfirmations(context, issueId, revisionId)
  await listInteractions(context, issueId, { questionId, suggestionId, confirmationId, shippingId })
  await useGenericTools(context, issueId)
  await finishIssue(context, issueId)

  const unusedTools = (await server.tools()).filter((tool) => !usedTools.has(tool) && !unsupportedTools.has(tool))
  report.record(`${worker.name}: every tool was used`, unusedTools.length === 0 ? null : unusedTools.join(', '))
  await server.stop()
}

async function readCompany({ setup, worker, callTool }: TaskContext): Promise<void> {
  const { projectId, goalId } = setup
  await callTool('Me', {}, { shape: 'agent', like: { id: worker.agentId } })
  await callTool('ListAgents', {}, { shape: 'agent', includes: { id: setup.ceo.id } })
  await callTool('GetAgent', { agentId: 'ada-lovelace' }, { shape: 'agent', like: { id: setup.engineer.id } })
  await callTool('ListProjects', {}, { shape: 'project', includes: { id: projectId } })
  await callTool('GetProject', { projectId: 'site' }, { shape: 'project', like: { id: projectId } })
  await callTool('ListGoals', {}, { shape: 'goal', includes: { id: goalId } })
  await callTool('GetGoal', { goalId }, { shape: 'goal' })
}

async function checkoutNewIssue({ setup: { projectId, goalId }, worker, callTool }: TaskContext): Promise<string> {
  const toolArguments = { title: 'Write the guide', status: 'todo', priority: 'high', projectId, idempotencyKey: `guide-${worker.runId}` }
  const issueId = idOf(
    await callTool('CreateIssue', toolArguments, { shape: 'issue', like: { status: 'todo', createdByAgentId: worker.agentId, goalId } }),
  )
  await callTool('CreateIssue', toolArguments, { like: { id: issueId } })
  await callTool('CheckoutIssue', { issueId }, { shape: 'issue', like: { status: 'in_progress', checkoutRunId: worker.runId } })
  await callTool('CheckoutIssue', { issueId }, { like: { id: issueId, checkoutRunId: worker.runId } })
  return issueId
}

async function readIssue({ setup: { projectId, goalId }, worker, callTool }: TaskContext, issueId: string): Promise<void> {
  await callTool('InboxLite', {}, { shape: 'inboxItem', includes: { id: issueId, activeRun: { id: worker.runId } } })
  await callTool('ListIssues', { status: 'in_progress', assigneeAgentId: worker.agentId }, { shape: 'issue', includes: { id: issueId } })
  await callTool('GetIssue', { issueId }, { shape: 'issueDetail', like: { goal: { id: goalId } } })
  await callTool('GetHeartbeatContext', { issueId }, { shape: 'context', like: { issue: { id: issueId }, project: { id: projectId } } })
}

async function blockIssue({ callTool }: TaskContext, issueId: string): Promise<void> {
  const childId = idOf(await callTool('CreateIssue', { title: 'Ask around', parentId: issueId }, { like: { parentId: issueId } }))
  await callTool(
    'UpdateIssue',
    { issueId, blockedByIssueIds: [childId], comment: 'Waiting' },
    { like: { blockedBy: { 0: { id: childId } } } },
  )
  await callTool('UpdateIssue', { issueId, blockedByIssueIds: [], title: 'Write the manual' }, { like: { title: 'Write the manual' } })
  await callTool('UpdateIssue', { issueId, blockedByIssueIds: [issueId] }, { refused: 422 })
}

async function addComments({ worker, callTool }: TaskContext, issueId: string): Promise<void> {
  const commentId = idOf(
    await callTool('AddComment', { issueId, body: 'Half way' }, { shape: 'comment', like: { createdByRunId: worker.runId } }),
  )
  await callTool('ListComments', { issueId, order: 'asc' }, { shape: 'comment', count: 2 })
  await callTool('ListComments', { issueId, order: 'asc', after: commentId }, { count: 0 })
  await callTool('GetComment', { issueId, commentId }, { shape: 'comment', like: { body: 'Half way' } })
  await callTool('GetHeartbeatContext', { issueId, wakeCommentId: commentId }, { like: { wakeComment: { id: commentId } } })
}

/** @returns the id of the revision that the restore created */
async function reviseDocument({ callTool }: TaskContext, issueId: string): Promise<string> {
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
  return (restored as { latestRevisionId: string }).latestRevisionId
}

async function createApproval({ worker, callTool }: TaskContext, issueId: string): Promise<string> {
  const approvalFields = { type: 'request_board_approval', payload: { title: 'Spend', apiKey: 'sk-1' }, issueIds: [issueId] }
  const secret = { payload: { apiKey: '***REDACTED***' }, requestedByAgentId: worker.agentId }
  const approvalId = idOf(await callTool('CreateApproval', approvalFields, { shape: 'approval', like: secret }))
  await callTool('ListApprovals', { status: 'pending' }, { shape: 'approval', includes: { id: approvalId } })
  await callTool('GetApproval', { approvalId }, { shape: 'approval', like: { status: 'pending' } })
  await callTool('GetApprovalIssues', { approvalId }, { includes: { id: issueId } })
  await callTool('ListIssueApprovals', { issueId }, { shape: 'approval', count: 1 })
  return approvalId
}

async function linkApproval({ worker: { mayLink }, callTool }: TaskContext, issueId: string): Promise<void> {
  const strategy = idOf(await callTool('CreateApproval', { type: 'approve_ceo_strategy', payload: {} }, { shape: 'approval' }))
  const linking = mayLink ? {} : { refused: 403 }
  await callTool('LinkIssueApproval', { issueId, approvalId: strategy }, mayLink ? { shape: 'approval', count: 2 } : linking)
  await callTool('UnlinkIssueApproval', { issueId, approvalId: strategy }, mayLink ? { like: { ok: true } } : linking)
}

async function decideApproval({ callTool, board }: TaskContext, approvalId: string): Promise<void> {
  await callTool('AddApprovalComment', { approvalId, body: 'Please' }, { shape: 'approvalComment' })
  await callTool('ListApprovalComments', { approvalId }, { shape: 'approvalComment', count: 1 })
  for (const action of ['approve', 'reject', 'requestRevision'])
    await callTool('ApprovalDecision', { approvalId, action }, { refused: 403 })
  await board(`/approvals/${approvalId}/request-revision`, { decisionNote: 'Less' })
  const resubmission = { approvalId, action: 'resubmit', payloadJson: '{"title":"Spend less"}' }
  await callTool('ApprovalDecision', resubmission, { shape: 'approval', like: { status: 'pending', payload: { title: 'Spend less' } } })
}

const interactionsPath = (issueId: string): string => `/issues/${issueId}/interactions`

async function askQuestion({ callTool, board }: TaskContext, issueId: string): Promise<string> {
  const questions = [{ id: 'q', prompt: 'Which?', selectionMode: 'single', options: [{ id: 'a', label: 'A' }] }]
  const question = { issueId, payload: { version: 1, questions }, idempotencyKey: 'which' }
  const questionId = idOf(await callTool('AskUserQuestions', question, { shape: 'interaction', like: { status: 'pending' } }))
  await callTool('AskUserQuestions', question, { like: { id: questionId } })
  await board(`${interactionsPath(issueId)}/${questionId}/respond`, { answers: [{ questionId: 'q', optionIds: ['a'] }] })
  return questionId
}

async function suggestTasks({ callTool, board }: TaskContext, issueId: string): Promise<string> {
  const tasks = [
    { clientKey: 'a', title: 'Outline', labels: ['docs'] },
    { clientKey: 'b', title: 'Chapter', parentClientKey: 'a', hiddenInPreview: true },
  ]
  const suggestion = await callTool('SuggestTasks', { issueId, payload: { version: 1, tasks } }, { shape: 'interaction' })
  await board(`${interactionsPath(issueId)}/${idOf(suggestion)}/accept`, {})
  return idOf(suggestion)
}

/** Requests one confirmation that the board accepts and one that the board rejects. */
async function requestConfirmations(
  { callTool, board }: TaskContext,
  issueId: string,
  revisionId: string,
): Promise<{ confirmationId: string; shippingId: string }> {
  const target = { type: 'issue_document', issueId, key: 'plan', revisionId }
  const confirmation = await callTool(
    'RequestConfirmation',
    { issueId, payload: { version: 1, prompt: 'Go?', target } },
    { shape: 'interaction' },
  )
  await board(`${interactionsPath(issueId)}/${idOf(confirmation)}/accept`, {})
  const refusable = { version: 1, prompt: 'Ship?', target: { type: 'custom', key: 'ship', label: 'Ship', href: '/ship' } }
  const shipping = await callTool('RequestConfirmation', { issueId, payload: refusable }, { shape: 'interaction' })
  await board(`${interactionsPath(issueId)}/${idOf(shipping)}/reject`, { reason: 'Not today' })
  return { confirmationId: idOf(confirmation), shippingId: idOf(shipping) }
}

interface InteractionIds {
  readonly questionId: string
  readonly suggestionId: string
  readonly confirmationId: string
  readonly shippingId: string
}

async function listInteractions({ callTool }: TaskContext, issueId: string, ids: InteractionIds): Promise<void> {
  const { questionId, suggestionId, confirmationId, shippingId } = ids
  const all = { method: 'GET', path: interactionsPath(issueId) }
  await callTool('ApiRequest', all, { shape: 'interaction', count: 4, includes: { id: questionId, status: 'answered' } })
  await callTool('ApiRequest', all, { includes: { id: suggestionId, status: 'accepted' } })
  await callTool('ApiRequest', all, { includes: { id: confirmationId, status: 'accepted' } })
  await callTool('ApiRequest', all, { includes: { id: shippingId, status: 'rejected' } })
}

/** Uses the generic request tool and the two tools for workspaces. */
async function useGenericTools({ callTool }: TaskContext, issueId: string): Promise<void> {
  await callTool(
    'ApiRequest',
    { method: 'POST', path: `/issues/${issueId}/children`, jsonBody: '{"title":"Appendix"}' },
    { shape: 'issue' },
  )
  await callTool('GetIssueWorkspaceRuntime', { issueId }, { like: { context: { issue: { id: issueId } } } })
  await callTool('WaitForIssueWorkspaceService', { issueId, timeoutSeconds: 1 }, { like: { timedOut: true } })
}

async function finishIssue({ callTool }: TaskContext, issueId: string): Promise<void> {
  await callTool('ReleaseIssue', { issueId }, { shape: 'issue', like: { status: 'todo', assigneeAgentId: null, checkoutRunId: null } })
  await callTool('CheckoutIssue', { issueId, expectedStatuses: ['todo'] }, { like: { status: 'in_progress' } })
  await callTool('UpdateIssue', { issueId, status: 'done', comment: 'Written' }, { like: { status: 'done', checkoutRunId: null } })
  await callTool('GetIssue', { issueId: 'NONE-1' }, { refused: 404 })
}

/** Tests the published MCP server as an engineer with the token of a run and as a CEO with an API key. */
export async function mcpSmoke(file: string, setup: Setup, report: Report): Promise<void> {
  const openRun = async (agent: Setup['ceo']): Promise<{ run: { id: string }; token: string }> =>
    (await callApi(setup.base, 'POST', `/agents/${agent.id}/runs`, { body: {}, token: agent.key })) as {
      run: { id: string }
      token: string
    }
  const engineer = await openRun(setup.engineer)
  const ceo = await openRun(setup.ceo)
  const engineerWorker = { name: 'engineer', agentId: setup.engineer.id, key: engineer.token, runId: engineer.run.id, mayLink: false }
  const ceoWorker = { name: 'ceo', agentId: setup.ceo.id, key: setup.ceo.key, runId: ceo.run.id, mayLink: true }
  await runTask(file, setup, report, engineerWorker)
  await runTask(file, setup, report, ceoWorker)
}
