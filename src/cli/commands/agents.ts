import { z } from 'zod'
import type { runView } from '../../engine/runs/views.ts'
import type { skippedView } from '../../control/wakeups/views.ts'
import type { agentDetail, agentView } from '../../org/agents/views.ts'
import { command } from '../command.ts'
import { EXIT } from '../problem.ts'
import { oneLine, sentence } from '../screen.ts'
import { agentIdOf, companyIdOf, companyOption, limitOption, reasonOption, yesOption } from '../subject.ts'
import { ago, fields, table } from '../table.ts'
import type { Cell } from '../table.ts'

type Agent = z.output<typeof agentView>
type AgentDetail = z.output<typeof agentDetail>
type Woken = z.output<typeof runView> | z.output<typeof skippedView>

const agentOptions = { agent: z.string().min(1).describe('the agent, by name or id'), ...companyOption }

const statusOf = ({ status, pauseReason }: Pick<Agent, 'status' | 'pauseReason'>): Cell => {
  if (status === 'paused') return { text: `paused${pauseReason === null ? '' : ` (${pauseReason})`}`, tone: 'warning' }
  return status === 'error' ? { text: status, tone: 'bad' } : status
}

const money = (cents: number): string => `${(cents / 100).toFixed(2)}`

const listAgents = command({
  name: 'agents ls',
  summary: 'List the agents of a company',
  example: 'paperclip-server agents ls --company ACME',
  options: z.object({ ...companyOption, ...limitOption() }),
  run: async (io, { company, limit }) => {
    const agents = await io.client().list<Agent>(`/companies/${await companyIdOf(io, company)}/agents`, limit)
    const text = table(
      io.screen,
      agents,
      [
        { title: 'name', value: ({ urlKey }) => urlKey },
        { title: 'status', value: statusOf },
        { title: 'role', value: ({ role }) => role },
        { title: 'adapter', value: ({ adapterType }) => adapterType },
        { title: 'last run', value: ({ lastHeartbeatAt }) => ago(lastHeartbeatAt, io.now()) },
        {
          title: 'spent',
          value: ({ spentMonthlyCents, budgetMonthlyCents }) =>
            `${money(spentMonthlyCents)}${budgetMonthlyCents === 0 ? '' : ` of ${money(budgetMonthlyCents)}`}`,
        },
        { title: 'title', value: ({ title, name }) => title ?? name, gives: true },
        { title: 'id', value: ({ id }) => id },
      ],
      'The company has no agent.',
    )
    return { data: agents, text }
  },
})

const showAgent = command({
  name: 'agents show',
  summary: 'Show one agent',
  example: 'paperclip-server agents show scribe',
  options: z.object(agentOptions),
  positionals: ['agent'],
  run: async (io, { agent: asked, company }) => {
    const agent = await io.client().get<AgentDetail>(`/agents/${await agentIdOf(io, asked, company)}`)
    const text = fields(io.screen, [
      ['name', oneLine(agent.name)],
      ['id', agent.id],
      ['status', statusOf(agent)],
      ['role', [agent.role, agent.title].filter((part) => part !== null).join(', ')],
      ['reports to', agent.chainOfCommand.map(({ name }) => name).join(', under ')],
      ['adapter', agent.adapterType],
      ['spent', `${money(agent.spentMonthlyCents)} this month`],
      ['budget', agent.budgetMonthlyCents === 0 ? 'none' : `${money(agent.budgetMonthlyCents)} a month`],
      ['last run', ago(agent.lastHeartbeatAt, io.now())],
      ['may create agents', agent.permissions.canCreateAgents ? 'yes' : 'no'],
      ['may assign tasks', agent.access.canAssignTasks ? 'yes' : 'no'],
    ])
    return { data: agent, text }
  },
})

const pauseAgent = command({
  name: 'agents pause',
  summary: 'Pause an agent and end its runs',
  details: 'Its runs end and give back the issues they hold. Its keys can read and no longer write.',
  example: 'paperclip-server agents pause scribe --reason "costs too much" --yes',
  options: z.object({ ...agentOptions, reason: reasonOption(false), ...yesOption }),
  positionals: ['agent'],
  run: async (io, { agent: asked, company, reason, yes }) => {
    const client = io.client()
    const before = await client.get<AgentDetail>(`/agents/${await agentIdOf(io, asked, company)}`)
    if (before.status === 'paused') return { data: before, text: sentence`${before.name} is already paused.` }
    if (!(await io.confirm(`Pause ${before.name}, and end its runs?`, yes)))
      return { data: before, text: 'Nothing was changed.', exit: EXIT.usage }
    const agent = await client.post<Agent>(`/agents/${before.id}/pause`, { reason: reason ?? null })
    return { data: agent, text: sentence`${agent.name} is paused.` }
  },
})

const resumeAgent = command({
  name: 'agents resume',
  summary: 'Resume a paused agent',
  example: 'paperclip-server agents resume scribe',
  options: z.object({ ...agentOptions, reason: reasonOption(false) }),
  positionals: ['agent'],
  run: async (io, { agent: asked, company, reason }) => {
    const id = await agentIdOf(io, asked, company)
    const agent = await io.client().post<Agent>(`/agents/${id}/resume`, { reason: reason ?? null })
    return { data: agent, text: sentence`${agent.name} is ${agent.status}.` }
  },
})

const wakeAgent = command({
  name: 'agents wake',
  summary: 'Wake an agent, for an issue if one is given',
  details: 'The exit code is 1 when no run came of it.',
  example: ['paperclip-server agents wake scribe', 'paperclip-server agents wake scribe --issue ACME-12 --reason "the review is done"'],
  options: z.object({
    ...agentOptions,
    issue: z.string().min(1).optional().describe('the issue, by identifier or id'),
    reason: z.string().trim().min(1).max(200).optional().describe('what the agent reads as the reason'),
  }),
  positionals: ['agent'],
  run: async (io, { agent: asked, company, issue, reason }) => {
    const client = io.client()
    const id = await agentIdOf(io, asked, company)
    const issueId = issue === undefined ? null : (await client.get<{ id: string }>(`/issues/${encodeURIComponent(issue)}`)).id
    const woken = await client.post<Woken>(`/agents/${id}/wakeup`, {
      reason: reason ?? null,
      ...(issueId === null ? {} : { payload: { issueId } }),
    })
    if (woken.status === 'skipped') return { data: woken, text: sentence`No run: ${woken.message}`, exit: EXIT.bad }
    return { data: woken, text: sentence`The run ${woken.id} is ${woken.status}.` }
  },
})

export const agentCommands = [listAgents, showAgent, pauseAgent, resumeAgent, wakeAgent]
