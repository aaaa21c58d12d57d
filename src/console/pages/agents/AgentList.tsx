import { useState } from 'react'
import type { ReactNode } from 'react'
import { PauseDialog, ResumeDialog } from '../../agentParts/PauseDialog.tsx'
import { WakeDialog } from '../../agentParts/WakeDialog.tsx'
import type { Agent } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { useListKeys } from '../../keys/useListKeys.ts'
import { DataTable } from '../../parts/DataTable.tsx'
import { go, setQuery, usePlace } from '../../router/location.ts'
import { columns } from './columns.tsx'
import type { AgentLine } from './data.ts'

type Open = { readonly kind: 'wake' | 'pause' | 'resume'; readonly agent: Agent } | null

/** The agents as a table, worst first. */
export function AgentList({ lines }: { readonly lines: readonly AgentLine[] }): ReactNode {
  const pathOf = useCompanyPath()
  const { query } = usePlace()
  const [open, setOpen] = useState<Open>(null)
  const by = query.get('sort') ?? 'state'
  const isDescending = query.get('order') === 'desc'
  const agentAt = (at: number): Agent | undefined => lines[at]?.agent
  const onRow = (at: number, act: (agent: Agent) => void): void => {
    const agent = agentAt(at)
    if (agent !== undefined) act(agent)
  }
  const list = useListKeys({
    title: 'Agents',
    count: lines.length,
    onOpen: (at) => onRow(at, (agent) => go(pathOf(`agents/${agent.urlKey}`))),
    more: [
      { keys: 'w', label: 'Wake the agent', run: () => onRow(list.at, (agent) => setOpen({ kind: 'wake', agent })) },
      {
        keys: 'p',
        label: 'Pause or resume the agent',
        run: () => onRow(list.at, (agent) => setOpen({ kind: agent.status === 'paused' ? 'resume' : 'pause', agent })),
      },
    ],
  })
  const close = (): void => setOpen(null)
  return (
    <>
      <DataTable
        name="Agents"
        rows={lines}
        columns={columns}
        narrowWidth="640px"
        keyOf={({ agent }) => agent.id}
        cursor={list.at}
        sort={{
          by,
          isDescending,
          onSort: (next) => setQuery({ sort: next, order: next === by && !isDescending ? 'desc' : null }),
        }}
      />
      {open?.kind === 'wake' && <WakeDialog agent={open.agent} onClose={close} />}
      {open?.kind === 'pause' && <PauseDialog agent={open.agent} onClose={close} />}
      {open?.kind === 'resume' && <ResumeDialog agent={open.agent} onClose={close} />}
    </>
  )
}
