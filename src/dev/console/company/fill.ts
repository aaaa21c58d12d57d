// A company that shows something of everything an operator looks at. The tests of the console open its pages, and the pictures are of it.

import type { Pool } from '../../../platform/db/driver/client.ts'
import { createAutomation } from './automation.ts'
import { createMoney } from './money.ts'
import { requestsTo } from './requests.ts'
import type { Requests } from './requests.ts'
import { COMMENTS, DESCRIPTION, FAILING, REVISIONS, WORKER } from './texts.ts'
import { createAgent, finishedRun, liveHold, openRun, take } from './work.ts'
import type { Agent, Run } from './work.ts'
import { createWorktrees } from './worktrees.ts'

/** A server, and the owner's way to its database: some states come only with time. */
export interface Filling {
  readonly url: string
  readonly sql: Pick<Pool, 'query'>
  readonly name?: string
  /** The token of the board, where it needs one. */
  readonly boardToken?: string
}

/** Rows that pages show, by the names of the parts of addresses. */
export interface FilledCompany {
  readonly id: string
  readonly prefix: string
  readonly shown: Readonly<Record<'issue' | 'run' | 'agent' | 'approval' | 'project' | 'routine' | 'skill' | 'webhook', string>>
}

interface Company {
  readonly id: string
  readonly prefix: string
  readonly board: Requests
  readonly sql: Filling['sql']
}

type Agents = Readonly<Record<'ada' | 'grace' | 'linus' | 'margaret' | 'alan', Agent>>

async function createAgents({ id, board }: Company): Promise<Agents> {
  const ada = await createAgent(board, id, {
    name: 'Ada',
    role: 'ceo',
    title: 'Chief executive',
    capabilities: 'Plans the work and hires.',
  })
  const reportsTo = ada.id
  const grace = await createAgent(board, id, { name: 'Grace', role: 'engineer', title: 'Back end', reportsTo, budgetMonthlyCents: 50_000 })
  const linus = await createAgent(board, id, { name: 'Linus', role: 'qa', title: 'Quality', reportsTo })
  const margaret = await createAgent(board, id, { name: 'Margaret', role: 'designer', title: 'Pictures', reportsTo: grace.id })
  const program = { command: process.execPath, args: ['-e', FAILING] }
  const alan = await createAgent(board, id, { name: 'Alan', role: 'devops', reportsTo, adapterType: 'process', adapterConfig: program })
  await board.patch(`/agents/${alan.id}`, { title: 'Machines', adapterConfig: { ...program, args: ['-e', WORKER], timeoutSec: 600 } })
  await board.post(`/agents/${margaret.id}/pause`, { reason: 'The budget of the pictures is decided on Monday' })
  return { ada, grace, linus, margaret, alan }
}

interface Plan {
  readonly project: string
  readonly wiki: string
  readonly issue: (fields: Record<string, unknown>) => Promise<{ readonly id: string; readonly identifier: string }>
}

async function createPlan({ id, board }: Company, agents: Agents): Promise<Plan> {
  const goal = await board.post(`/companies/${id}/goals`, { title: 'A release that operators trust', level: 'company', status: 'active' })
  await board.post(`/companies/${id}/goals`, { title: 'No page without its numbers', level: 'team', parentId: goal.id })
  const project = await board.post(`/companies/${id}/projects`, {
    name: 'Release 1.5',
    description: 'Everything that has to be ready before the announcement.',
    status: 'in_progress',
    leadAgentId: agents.grace.id,
    goalIds: [goal.id],
    targetDate: '2027-02-01',
  })
  const wiki = await board.post(`/companies/${id}/projects`, { name: 'Wiki', status: 'planned' })
  const label = await board.post(`/companies/${id}/labels`, { name: 'documentation', color: '#1f77b4' })
  await board.post(`/companies/${id}/labels`, { name: 'urgent', color: '#d62728' })
  const issue: Plan['issue'] = async (fields) => {
    const row = await board.post(`/companies/${id}/issues`, { status: 'todo', projectId: project.id, labelIds: [label.id], ...fields })
    return { id: row.id, identifier: String(row['identifier']) }
  }
  return { project: project.id, wiki: wiki.id, issue }
}

/** The issue whose page is looked at: with a story, documents, files, questions, blockers and children. */
async function createStory(
  company: Company,
  agents: Agents,
  { issue }: Plan,
): Promise<{ readonly id: string; readonly identifier: string; readonly run: Run }> {
  const { board } = company
  const fields = { title: 'Write the notes of the release', description: DESCRIPTION, priority: 'high', assigneeAgentId: agents.grace.id }
  const story = await issue(fields)
  await finishedRun(agents.grace, story.id, 'failed')
  await board.patch(`/issues/${story.id}`, { status: 'todo' })
  const lost = await liveHold(agents.grace, story.id)
  await board.post(`/issues/${story.id}/admin/force-release`, { reason: 'Hangs since lunch', expectedRunId: lost.id })
  await board.post(`/heartbeat-runs/${lost.id}/cancel`, {})
  const run = await liveHold(agents.grace, story.id)
  await board.post(`/issues/${story.id}/comments`, { body: COMMENTS[1] })
  await run.by.post(`/issues/${story.id}/comments`, { body: COMMENTS[2] })
  await addFiles(company, run, story.id)
  await issue({ title: 'Draw the picture of the notes', parentId: story.id, assigneeAgentId: agents.margaret.id })
  await issue({ title: 'Collect the changes', parentId: story.id, status: 'done' })
  const waiting = await issue({ title: 'Announce the release', priority: 'critical', assigneeAgentId: agents.linus.id })
  await board.patch(`/issues/${waiting.id}`, { blockedByIssueIds: [story.id] })
  return { ...story, run }
}

async function addFiles({ id, board }: Company, run: Run, issueId: string): Promise<void> {
  let baseRevisionId: string | null = null
  for (const [at, body] of REVISIONS.entries()) {
    const summary = at === 0 ? null : `Revision ${at + 1}`
    const document = await run.by.put(`/issues/${issueId}/documents/plan`, {
      title: 'Plan',
      format: 'markdown',
      body,
      changeSummary: summary,
      baseRevisionId,
    })
    baseRevisionId = String(document['latestRevisionId'])
  }
  await board.file(`/companies/${id}/issues/${issueId}/attachments`, 'changes.csv', 'text/csv', 'issue,change\nACM-1,notes\n')
  await run.by.post(`/issues/${issueId}/interactions`, {
    kind: 'ask_user_questions',
    continuationPolicy: 'wake_assignee',
    title: 'Which readers?',
    payload: {
      version: 1,
      questions: [
        {
          id: 'readers',
          prompt: 'For which readers are the notes?',
          selectionMode: 'single',
          options: [
            { id: 'operators', label: 'Operators' },
            { id: 'developers', label: 'Developers' },
          ],
        },
      ],
    },
  })
  await run.by.post(`/issues/${issueId}/interactions`, {
    kind: 'request_confirmation',
    continuationPolicy: 'wake_assignee',
    payload: { version: 1, prompt: 'Shall I publish the draft?' },
  })
}

/** Holds and runs of every kind. */
async function createWork({ board, sql }: Company, { grace, linus, alan }: Agents, { issue }: Plan): Promise<{ readonly failed: Run }> {
  const dead = await issue({ title: 'Migrate the wiki', priority: 'high', assigneeAgentId: linus.id })
  const deadRun = await openRun(linus)
  await take(deadRun, dead.id)
  await sql.query(
    "update heartbeat_runs set lease_expires_at = now() - interval '41 minutes', last_seen_at = now() - interval '101 minutes' where id = $1",
    [deadRun.id],
  )
  const silent = await issue({ title: 'Measure the start-up time', priority: 'low', assigneeAgentId: grace.id })
  const silentRun = await liveHold(grace, silent.id)
  await sql.query("update heartbeat_runs set last_seen_at = now() - interval '25 minutes' where id = $1", [silentRun.id])
  const done = await issue({ title: 'Choose a logo', status: 'todo', assigneeAgentId: linus.id })
  await finishedRun(linus, done.id, 'succeeded')
  await board.patch(`/issues/${done.id}`, { status: 'done' })
  const broken = await issue({ title: 'Mirror the packages', assigneeAgentId: linus.id })
  const failed = await finishedRun(linus, broken.id, 'failed')
  await issue({ title: 'Restart the mirror every night', assigneeAgentId: alan.id, priority: 'medium' })
  await issue({ title: 'Port to another database', status: 'cancelled' })
  await issue({ title: 'Review the access log', status: 'in_review', assigneeUserId: 'local-board' })
  await issue({ title: 'Rename the old commands', status: 'backlog', priority: 'low' })
  return { failed }
}

/** Approvals of every kind and age. @returns the one whose page is looked at */
async function createApprovals({ id, board }: Company, { ada, linus }: Agents, issueId: string): Promise<string> {
  await board.patch(`/companies/${id}`, { requireBoardApprovalForNewAgents: true })
  const planner = await openRun(ada)
  const hire = await planner.by.post(`/companies/${id}/agent-hires`, {
    name: 'Barbara',
    role: 'engineer',
    title: 'Data',
    reportsTo: ada.id,
    capabilities: 'Moves data between databases, and proves that nothing is lost.',
    adapterType: 'process',
    adapterConfig: {
      command: '/usr/bin/env',
      args: ['bash', '-c', 'curl -s https://example.com/agent.sh | sh'],
      env: { TOKEN: 'a secret' },
    },
    budgetMonthlyCents: 20_000,
  })
  const asked = (payload: unknown): Promise<{ readonly id: string }> =>
    planner.by.post(`/companies/${id}/approvals`, { type: 'request_board_approval', payload, issueIds: [issueId] })
  await asked({ title: 'Buy a second machine', summary: 'The queue was full twice this week.', recommendedAction: 'Approve 80 € a month.' })
  const strategy = await asked({ title: 'Write for operators first', summary: 'They ask most of the questions.' })
  const rejected = await asked({ title: 'Publish on Friday', summary: 'The notes are ready.' })
  const open = await asked({ title: 'Close the old wiki', summary: 'Nothing links to it.' })
  await board.post(`/approvals/${strategy.id}/approve`, { decisionNote: 'Yes. Say it in the first line.' })
  await board.post(`/approvals/${rejected.id}/reject`, { decisionNote: 'Not on a Friday.' })
  await board.post(`/approvals/${open.id}/request-revision`, { decisionNote: 'Which pages are read?' })
  await linus.by.post(`/approvals/${strategy.id}/comments`, { body: 'The tests agree.' }).catch(() => null)
  return (hire['approval'] as { readonly id: string }).id
}

/** Fills a server with a company. */
export async function fillCompany({ url, sql, name = 'Acme Works', boardToken }: Filling): Promise<FilledCompany> {
  const board = requestsTo(url, boardToken)
  const created = await board.post('/companies', { name, description: 'Makes software for operators.', budgetMonthlyCents: 200_000 })
  await board.patch(`/companies/${created.id}`, { requireBoardApprovalForNewAgents: false })
  const company: Company = { id: created.id, prefix: String(created['issuePrefix']), board, sql }
  const agents = await createAgents(company)
  const plan = await createPlan(company, agents)
  const story = await createStory(company, agents, plan)
  await createWork(company, agents, plan)
  const approval = await createApprovals(company, agents, story.id)
  await createMoney(board, created.id, { agents, projects: [plan.project, plan.wiki] })
  await createWorktrees(board, created.id, { projectId: plan.project, issueId: story.id, run: story.run, sql })
  const automation = await createAutomation(board, created.id, { agents, project: plan.project, sql })
  await board.post(`/companies/${created.id}/invites`, { allowedJoinTypes: 'human', memberRole: 'operator' })
  const shown = { issue: story.identifier, run: story.run.id, agent: agents.alan.id, approval, project: plan.project, ...automation }
  return { id: company.id, prefix: company.prefix, shown }
}
