// The command `demo` fills a running server with a company that shows something of everything an operator looks at: a
// hierarchy of agents, issues in every status, a live hold, an issue that waits for another, an approval to decide.
// The requests are those of the board.

import { z } from 'zod'
import type { Client } from '../client.ts'
import { command } from '../command.ts'
import { sentence } from '../screen.ts'

type Json = Readonly<Record<string, unknown>>

/** Sends a request of the board, or with another bearer. */
type Post = (path: string, body: Json, token?: string) => Promise<Json>

const posting =
  (client: Client): Post =>
  async (path, body, token) =>
    await client.post<Json>(path, body, token === undefined ? {} : { authorization: `Bearer ${token}` })

const idOf = (row: Json): string => String(row['id'])

async function createAgents(post: Post, companyId: string): Promise<Readonly<Record<'ada' | 'grace' | 'linus', string>>> {
  const create = async (fields: Json): Promise<string> => idOf(await post(`/companies/${companyId}/agents`, fields))
  const ada = await create({ name: 'Ada', role: 'ceo', title: 'Chief executive' })
  const grace = await create({ name: 'Grace', role: 'engineer', title: 'Back end', reportsTo: ada })
  const linus = await create({ name: 'Linus', role: 'qa', title: 'Quality', reportsTo: ada })
  return { ada, grace, linus }
}

/** Issues in every status that the board may set without a holder. */
async function createIssues(
  client: Client,
  companyId: string,
  agents: { readonly grace: string; readonly linus: string },
): Promise<{ readonly changelog: string }> {
  const create = async (fields: Json): Promise<string> => idOf(await posting(client)(`/companies/${companyId}/issues`, fields))
  const changelog = await create({ title: 'Write the changelog', status: 'todo', priority: 'high', assigneeAgentId: agents.grace })
  const release = await create({ title: 'Publish the release', status: 'todo', priority: 'critical', assigneeAgentId: agents.linus })
  await client.patch(`/issues/${release}`, { blockedByIssueIds: [changelog] })
  await create({ title: 'Measure the start-up time', status: 'backlog', priority: 'low' })
  await create({ title: 'Choose a logo', status: 'done', priority: 'low' })
  await create({ title: 'Port to another database', status: 'cancelled', priority: 'medium' })
  await create({ title: 'Review the access log', status: 'in_review', priority: 'medium', assigneeAgentId: agents.linus })
  return { changelog }
}

/** Opens a run for an agent that lives elsewhere and lets it take an issue. */
async function holdIssue(post: Post, agentId: string, issueId: string): Promise<void> {
  const { token: key } = await post(`/agents/${agentId}/keys`, { name: 'demo' })
  const { token } = await post(`/agents/${agentId}/runs`, { leaseSeconds: 3600 }, String(key))
  await post(`/issues/${issueId}/checkout`, { agentId, expectedStatuses: ['todo'] }, String(token))
  await post(`/issues/${issueId}/comments`, { body: 'I read the commits of the last week first.' }, String(token))
}

async function fill(client: Client): Promise<{ readonly data: Json; readonly text: string }> {
  const post = posting(client)
  const base = client.url
  const company = await post('/companies', { name: 'Demo company' })
  const companyId = idOf(company)
  const agents = await createAgents(post, companyId)
  const { changelog } = await createIssues(client, companyId, agents)
  await holdIssue(post, agents.grace, changelog)
  await post(`/companies/${companyId}/approvals`, {
    type: 'request_board_approval',
    payload: { title: 'Buy a second machine', summary: 'The queue was full twice this week.' },
  })

  const text = sentence`A company for you to look at: ${String(company['name'])} (${String(company['issuePrefix'])})
  its holds      ${base}/api/companies/${companyId}/locks
  its issues     ${base}/api/companies/${companyId}/issues
  its approvals  ${base}/api/companies/${companyId}/approvals
  its audit log  ${base}/api/companies/${companyId}/activity`
  return { data: { companyId, issuePrefix: company['issuePrefix'] }, text }
}

export const demoCommand = command({
  name: 'demo',
  summary: 'Fill the running server with a company to look at',
  details: 'It makes agents, issues in every status, a hold by a run that lives for an hour, and an approval to decide.',
  example: 'paperclip-server demo',
  options: z.object({}),
  run: async (io) => await fill(io.client()),
})
