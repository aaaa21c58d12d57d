import type { ReactNode } from 'react'
import { AgentStatus } from '../../agentParts/AgentStatus.tsx'
import { Budget } from '../../agentParts/Budget.tsx'
import { roleName } from '../../agentParts/identity.tsx'
import { useCompanyPath } from '../../frame/company.tsx'
import type { Column } from '../../parts/DataTable.tsx'
import { Time } from '../../parts/Time.tsx'
import { Link } from '../../router/Link.tsx'
import type { AgentLine } from './data.ts'
import { Now } from './Now.tsx'

function Name({ agent }: AgentLine): ReactNode {
  const pathOf = useCompanyPath()
  return (
    <>
      <Link to={pathOf(`agents/${agent.urlKey}`)} className="agent-name">
        {agent.name}
      </Link>{' '}
      {agent.title !== null && <span className="soft">{agent.title}</span>}
    </>
  )
}

const State = ({ agent, why }: AgentLine): ReactNode => (
  <span title={why ?? undefined}>
    <AgentStatus agent={agent} />
    {why !== null && <span className="soft"> {why}</span>}
  </span>
)

const optional = { isSecondary: true } as const

/** The columns of the list of agents. */
export const columns: readonly Column<AgentLine>[] = [
  { key: 'name', width: '18%', title: 'Agent', sorts: 'name', text: ({ agent }) => agent.name, cell: (line) => <Name {...line} /> },
  {
    key: 'role',
    width: '8%',
    title: 'Role',
    ...optional,
    text: ({ agent }) => roleName(agent.role),
    cell: ({ agent }) => roleName(agent.role),
  },
  {
    key: 'state',
    width: '23%',
    title: 'State',
    sorts: 'state',
    text: ({ agent, why }) => (why === null ? agent.status : `${agent.status}: ${why}`),
    cell: (line) => <State {...line} />,
  },
  {
    key: 'now',
    title: 'Does now',
    text: ({ holds }) => holds.map(({ identifier }) => identifier).join(' '),
    cell: (line) => <Now line={line} />,
  },
  {
    key: 'heartbeat',
    width: '116px',
    title: 'Last heartbeat',
    sorts: 'heartbeat',
    ...optional,
    text: ({ agent }) => agent.lastHeartbeatAt ?? '',
    cell: ({ agent }) => <Time at={agent.lastHeartbeatAt} />,
  },
  {
    key: 'spent',
    width: '172px',
    title: 'Spent this month',
    sorts: 'spent',
    ...optional,
    text: ({ agent }) => (agent.spentMonthlyCents / 100).toFixed(2),
    cell: ({ agent }) => <Budget agent={agent} />,
  },
  {
    key: 'manager',
    width: '96px',
    title: 'Reports to',
    ...optional,
    text: ({ manager }) => manager ?? '',
    cell: ({ manager }) => manager ?? <span className="soft">no agent</span>,
  },
]
