import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { PaperclipSource } from './paperclipSource.ts'

const at = (minute: number): string => new Date(Date.UTC(2026, 2, 1, 9, minute)).toISOString()
const made = (minute: number) => ({ created_at: at(minute), updated_at: at(minute) })

/** A planted company, by the ids that tests look for. */
export interface PlantedCompany {
  readonly id: string
  readonly prefix: string
  readonly ceo: string
  readonly engineer: string
  /** A key of the engineer, and one that was revoked. */
  readonly key: string
  readonly revokedKey: string
  readonly revokedKeyId: string
  readonly goal: string
  readonly project: string
  readonly workspace: string
  readonly label: string
  readonly secret: string
  /** The first is in progress and held by the live run; the second is its child; the third is done. */
  readonly issues: readonly [string, string, string]
  readonly liveRun: string
  readonly endedRun: string
  readonly document: string
  readonly approval: string
  readonly cost: string
  readonly comment: string
}

const newKey = (): string => `pcp_${randomBytes(24).toString('hex')}`
const hashOf = (key: string): string => createHash('sha256').update(key).digest('hex')
const newPrefix = (): string => Array.from(randomBytes(6), (byte) => String.fromCharCode(65 + (byte % 26))).join('')

/** Plants a company with a row or more of everything that comes. */
export async function plantCompany(source: PaperclipSource): Promise<PlantedCompany> {
  const [id, ceo, engineer, goal, project, workspace, label, secret] = Array.from({ length: 8 }, () => randomUUID() as string) as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ]
  const issues = [randomUUID(), randomUUID(), randomUUID()] as const
  const [liveRun, endedRun, document, approval, cost, comment, revokedKeyId] = Array.from({ length: 7 }, () => randomUUID() as string) as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ]
  const [key, revokedKey, prefix] = [newKey(), newKey(), newPrefix()]
  const planted: PlantedCompany = {
    id,
    prefix,
    ceo,
    engineer,
    key,
    revokedKey,
    revokedKeyId,
    goal,
    project,
    workspace,
    label,
    secret,
    issues,
    liveRun,
    endedRun,
    document,
    approval,
    cost,
    comment,
  }
  await plantPeople(source, planted)
  await plantPlans(source, planted)
  await plantRuns(source, planted)
  await plantIssues(source, planted)
  await plantTexts(source, planted)
  await plantApprovals(source, planted)
  await plantRecords(source, planted)
  return planted
}

async function plantPeople(source: PaperclipSource, planted: PlantedCompany): Promise<void> {
  const { id, prefix, ceo, engineer, key, revokedKey, revokedKeyId } = planted
  const own = { company_id: id }
  await source.plant('companies', {
    ...made(0),
    id,
    name: 'Planted',
    status: 'active',
    issue_prefix: prefix,
    issue_counter: 7,
    budget_monthly_cents: 0,
    require_board_approval_for_new_agents: true,
    brand_color: '#112233',
  })
  const agent = {
    ...own,
    adapter_type: 'process',
    adapter_config: { command: 'true' },
    runtime_config: {},
    permissions: {},
    budget_monthly_cents: 0,
  }
  await source.plant(
    'agents',
    // The report comes before its manager, so the order of the rows is not the order in which they can come.
    { ...agent, ...made(1), id: engineer, name: 'Ada', role: 'engineer', status: 'running', reports_to: ceo, budget_monthly_cents: 5000 },
    { ...agent, ...made(2), id: ceo, name: 'Grace', role: 'ceo', status: 'idle', permissions: { canCreateAgents: true } },
  )
  const row = { ...own, agent_id: engineer, created_at: at(3) }
  await source.plant(
    'agent_api_keys',
    { ...row, id: randomUUID(), name: 'laptop', key_hash: hashOf(key) },
    { ...row, id: revokedKeyId, name: 'lost', key_hash: hashOf(revokedKey), revoked_at: at(4) },
  )
}

async function plantPlans(source: PaperclipSource, planted: PlantedCompany): Promise<void> {
  const { id, ceo, engineer, goal, project, workspace, label, secret } = planted
  const own = { company_id: id }
  await source.plant('goals', { ...own, ...made(5), id: goal, title: 'Be read', level: 'company', status: 'active', owner_agent_id: ceo })
  await source.plant('projects', {
    ...own,
    ...made(6),
    id: project,
    name: 'Site',
    status: 'in_progress',
    lead_agent_id: engineer,
    target_date: '2026-12-24',
    color: '#445566',
  })
  await source.plant('project_goals', { ...own, project_id: project, goal_id: goal })
  await source.plant('project_workspaces', {
    ...own,
    ...made(7),
    id: workspace,
    project_id: project,
    name: 'main',
    source_type: 'git_repo',
    repo_url: 'https://example.com/a.git',
    visibility: 'default',
    is_primary: true,
  })
  await source.plant('labels', { ...own, ...made(8), id: label, name: 'bug', color: '#ff0000' })
  await source.plant('company_secrets', {
    ...own,
    ...made(9),
    id: secret,
    name: 'GH_TOKEN',
    provider: 'local_encrypted',
    latest_version: 3,
  })
}

async function plantRuns(source: PaperclipSource, { id, engineer, issues, liveRun, endedRun }: PlantedCompany): Promise<void> {
  const own = { company_id: id }
  const run = { ...own, agent_id: engineer, invocation_source: 'on_demand', process_loss_retry_count: 0 }
  await source.plant(
    'heartbeat_runs',
    {
      ...run,
      ...made(10),
      id: endedRun,
      status: 'succeeded',
      started_at: at(10),
      finished_at: at(11),
      exit_code: 0,
      stdout_excerpt: 'done',
      context_snapshot: { issueId: issues[2] },
    },
    { ...run, ...made(12), id: liveRun, status: 'running', started_at: at(12), context_snapshot: { issueId: issues[0] } },
  )
}

async function plantIssues(source: PaperclipSource, planted: PlantedCompany): Promise<void> {
  const { id, prefix, engineer, goal, project, workspace, label, issues, liveRun } = planted
  const own = { company_id: id }
  const issue = { ...own, priority: 'high', origin_kind: 'manual', request_depth: 0, created_by_user_id: 'local-board' }
  await source.plant(
    'issues',
    {
      ...issue,
      ...made(13),
      id: issues[1],
      issue_number: 2,
      identifier: `${prefix}-2`,
      title: 'Child',
      status: 'backlog',
      parent_id: issues[0],
    },
    {
      ...issue,
      ...made(14),
      id: issues[0],
      issue_number: 1,
      identifier: `${prefix}-1`,
      title: 'Parent',
      description: 'What is to be done',
      status: 'in_progress',
      project_id: project,
      project_workspace_id: workspace,
      goal_id: goal,
      assignee_agent_id: engineer,
      checkout_run_id: liveRun,
      execution_run_id: liveRun,
      execution_locked_at: at(14),
    },
    {
      ...issue,
      ...made(15),
      id: issues[2],
      issue_number: 5,
      identifier: `${prefix}-5`,
      title: 'Done',
      status: 'done',
      completed_at: at(16),
      created_by_agent_id: engineer,
    },
  )
  await source.plant('issue_labels', { ...own, issue_id: issues[0], label_id: label })
}

async function plantTexts(source: PaperclipSource, planted: PlantedCompany): Promise<void> {
  const { id, engineer, issues, endedRun, document, comment } = planted
  const own = { company_id: id }
  await source.plant('issue_comments', {
    ...own,
    ...made(17),
    id: comment,
    issue_id: issues[0],
    author_agent_id: engineer,
    created_by_run_id: endedRun,
    body: 'A remark',
  })
  const [first, second] = [randomUUID(), randomUUID()]
  await source.plant('documents', {
    ...own,
    ...made(18),
    id: document,
    title: 'Plan',
    format: 'markdown',
    latest_body: 'Second',
    latest_revision_id: second,
    latest_revision_number: 2,
    created_by_user_id: 'local-board',
  })
  await source.plant('issue_documents', { ...own, id: randomUUID(), issue_id: issues[0], document_id: document, key: 'plan' })
  const revision = { ...own, document_id: document, title: 'Plan', format: 'markdown', created_by_user_id: 'local-board' }
  await source.plant(
    'document_revisions',
    { ...revision, id: first, revision_number: 1, body: 'First', created_at: at(18) },
    { ...revision, id: second, revision_number: 2, body: 'Second', change_summary: 'again', created_at: at(19) },
  )
}

async function plantApprovals(source: PaperclipSource, { id, ceo, issues, approval }: PlantedCompany): Promise<void> {
  const own = { company_id: id }
  await source.plant('approvals', {
    ...own,
    ...made(20),
    id: approval,
    type: 'approve_ceo_strategy',
    status: 'pending',
    payload: { plan: 'Sell' },
    requested_by_agent_id: ceo,
  })
  await source.plant('issue_approvals', { ...own, issue_id: issues[0], approval_id: approval })
  await source.plant('approval_comments', {
    ...own,
    ...made(21),
    id: randomUUID(),
    approval_id: approval,
    author_user_id: 'local-board',
    body: 'Why?',
  })
}

async function plantRecords(source: PaperclipSource, { id, engineer, project, issues, cost }: PlantedCompany): Promise<void> {
  const own = { company_id: id }
  await source.plant('cost_events', {
    ...own,
    id: cost,
    agent_id: engineer,
    issue_id: issues[0],
    project_id: project,
    provider: 'anthropic',
    biller: 'anthropic',
    billing_type: 'metered_api',
    model: 'large',
    input_tokens: 10,
    cached_input_tokens: 1,
    output_tokens: 5,
    cost_cents: 7,
    occurred_at: at(22),
    created_at: at(22),
  })
  await source.plant(
    'activity_log',
    {
      ...own,
      id: randomUUID(),
      actor_type: 'user',
      actor_id: 'local-board',
      action: 'issue.created',
      entity_type: 'issue',
      entity_id: issues[0],
      details: { title: 'Parent' },
      created_at: at(23),
    },
    {
      ...own,
      id: randomUUID(),
      actor_type: 'agent',
      actor_id: engineer,
      action: 'heartbeat.invoked',
      entity_type: 'heartbeat_run',
      entity_id: randomUUID(),
      agent_id: engineer,
      created_at: at(24),
    },
  )
}
