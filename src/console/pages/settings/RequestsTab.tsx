import { useState } from 'react'
import type { ReactNode } from 'react'
import type { JoinRequest } from '../../api/types.ts'
import { DataTable } from '../../parts/DataTable.tsx'
import type { Column } from '../../parts/DataTable.tsx'
import { Empty, Skeleton } from '../../parts/Empty.tsx'
import { SelectField } from '../../parts/fields.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Status } from '../../parts/Status.tsx'
import { Time } from '../../parts/Time.tsx'
import { JoinDecision, nameOfRequest } from '../../people/JoinDecision.tsx'
import { setQuery, usePlace } from '../../router/location.ts'
import { useJoinRequests } from './data.ts'

const statuses = [
  { value: 'pending_approval', label: 'Waiting' },
  { value: 'approved', label: 'Approved' },
  { value: 'rejected', label: 'Rejected' },
] as const

/** Requests of people and agents to join, those that wait first. */
export function RequestsTab(): ReactNode {
  const status = usePlace().query.get('status') ?? 'pending_approval'
  const { rows, isLoading, problem, loadMore } = useJoinRequests(status)
  const [open, setOpen] = useState<JoinRequest | null>(null)
  return (
    <section aria-labelledby="requests">
      <div className="section-head">
        <h2 id="requests">Join requests</h2>
        <SelectField
          label="Status"
          value={status}
          onChange={(value) => setQuery({ status: value === 'pending_approval' ? null : value })}
          choices={statuses}
        />
      </div>
      {problem !== null && <Problem problem={problem} />}
      {isLoading ? (
        <Skeleton />
      ) : rows.length === 0 && problem === null ? (
        <Empty title={status === 'pending_approval' ? 'No request waits for a decision.' : 'There is no request with this status.'}>
          <p>A request comes when an invitation is accepted.</p>
        </Empty>
      ) : (
        problem === null && (
          <DataTable name="Join requests" rows={rows} columns={columnsOf(setOpen)} keyOf={({ id }) => id} onEnd={loadMore} />
        )
      )}
      {open !== null && <JoinDecision joinRequest={open} onClose={() => setOpen(null)} />}
    </section>
  )
}

const columnsOf = (onDecide: (row: JoinRequest) => void): Column<JoinRequest>[] => [
  { key: 'name', title: 'Name', cell: (row) => nameOfRequest(row) },
  { key: 'kind', title: 'Kind', cell: ({ requestType }) => (requestType === 'agent' ? 'Agent' : 'Person') },
  { key: 'status', title: 'Status', cell: ({ status }) => <Status of={status} /> },
  { key: 'from', title: 'From', cell: ({ requestIp }) => <span className="mono">{requestIp}</span>, isSecondary: true },
  { key: 'asked', title: 'Asked', cell: ({ createdAt }) => <Time at={createdAt} /> },
  {
    key: 'acts',
    title: 'Acts',
    cell: (row) =>
      row.status === 'pending_approval' && (
        <button type="button" className="quiet" onClick={() => onDecide(row)}>
          Decide<span className="hidden"> about {nameOfRequest(row)}</span>
        </button>
      ),
  },
]
