// `npm run demo`: fills a running server with a company that shows something of everything an operator looks at: a
// hierarchy of agents, issues in every status, a live hold, an issue that waits for another, an approval to decide.
// The requests are those of the board.

const base = process.env['PAPERCLIP_API_URL'] || `http://127.0.0.1:${process.env['PORT'] || '3100'}`
/** Where the account of the server does not prove the board, its token does. */
const boardToken = process.env['PAPERCLIP_API_KEY'] || undefined

type Json = Readonly<Record<string, unknown>>

async function send(method: string, path: string, body?: Json, token = boardToken): Promise<Json> {
  const response = await fetch(`${base}/api${path}`, {
    method,
    headers: { 'Content-Type': 'application/json', ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path} was answered with ${response.status}: ${text}`)
  return JSON.parse(text === '' ? '{}' : text) as Json
}

const post = (path: string, body: Json, token?: string): Promise<Json> => send('POST', path, body, token)
const idOf = (row: Json): string => String(row['id'])

async function createAgents(companyId: string): Promise<Readonly<Record<'ada' | 'grace' | 'linus', string>>> {
  const create = async (fields: Json): Promise<string> => idOf(await post(`/companies/${companyId}/agents`, fields))
  const ada = await create({ name: 'Ada', role: 'ceo', title: 'Chief executive' })
  const grace = await create({ name: 'Grace', role: 'engineer', title: 'Back end', reportsTo: ada })
  const linus = await create({ name: 'Linus', role: 'qa', title: 'Quality', reportsTo: ada })
  return { ada, grace, linus }
}

/** Issues in every status that the board may set without a holder. */
async function createIssues(
  companyId: string,
  agents: { readonly grace: string; readonly linus: string },
): Promise<{ readonly changelog: string }> {
  const create = async (fields: Json): Promise<string> => idOf(await post(`/companies/${companyId}/issues`, fields))
  const changelog = await create({ title: 'Write the changelog', status: 'todo', priority: 'high', assigneeAgentId: agents.grace })
  const release = await create({ title: 'Publish the release', status: 'todo', priority: 'critical', assigneeAgentId: agents.linus })
  await send('PATCH', `/issues/${release}`, { blockedByIssueIds: [changelog] })
  await create({ title: 'Measure the start-up time', status: 'backlog', priority: 'low' })
  await create({ title: 'Choose a logo', status: 'done', priority: 'low' })
  await create({ title: 'Port to another database', status: 'cancelled', priority: 'medium' })
  await create({ title: 'Review the access log', status: 'in_review', priority: 'medium', assigneeAgentId: agents.linus })
  return { changelog }
}

/** Opens a run for an agent that lives elsewhere and lets it take an issue. */
async function holdIssue(agentId: string, issueId: string): Promise<void> {
  const { token: key } = await post(`/agents/${agentId}/keys`, { name: 'demo' })
  const { token } = await post(`/agents/${agentId}/runs`, { leaseSeconds: 3600 }, String(key))
  await post(`/issues/${issueId}/checkout`, { agentId, expectedStatuses: ['todo'] }, String(token))
  await post(`/issues/${issueId}/comments`, { body: 'I read the commits of the last week first.' }, String(token))
}

async function fill(): Promise<void> {
  const company = await post('/companies', { name: 'Demo company' })
  const companyId = idOf(company)
  const agents = await createAgents(companyId)
  const { changelog } = await createIssues(companyId, agents)
  await holdIssue(agents.grace, changelog)
  await post(`/companies/${companyId}/approvals`, {
    type: 'request_board_approval',
    payload: { title: 'Buy a second machine', summary: 'The queue was full twice this week.' },
  })

  process.stdout.write(`A company for you to look at: ${String(company['name'])} (${String(company['issuePrefix'])})
  its holds      ${base}/api/companies/${companyId}/locks
  its issues     ${base}/api/companies/${companyId}/issues
  its approvals  ${base}/api/companies/${companyId}/approvals
  its audit log  ${base}/api/companies/${companyId}/activity
`)
}

try {
  await fill()
} catch (error) {
  const isUnreachable = error instanceof TypeError
  process.stderr.write(isUnreachable ? `No server answers at ${base}. Start one with npm start.\n` : `${String(error)}\n`)
  process.exitCode = 1
}
