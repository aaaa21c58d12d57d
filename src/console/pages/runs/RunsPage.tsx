import type { ReactNode } from 'react'
import type { Agent } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { useListKeys } from '../../keys/useListKeys.ts'
import { csvOf, download } from '../../parts/csv.ts'
import { DataTable } from '../../parts/DataTable.tsx'
import { Empty, Skeleton } from '../../parts/Empty.tsx'
import { SelectField } from '../../parts/fields.tsx'
import { Page } from '../../parts/Page.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { formatNumber } from '../../parts/time.ts'
import { go, setQuery, usePlace } from '../../router/location.ts'
import { columnsOf } from './columns.tsx'
import { useAgents, useRuns } from './data.ts'
import type { RunFilters } from './data.ts'
import { ENDED_STATUSES, isLive, LIVE_STATUSES } from './words.ts'
import type { RunStatus } from './words.ts'

const STATUSES = [...LIVE_STATUSES, ...ENDED_STATUSES]

const statusChoices = [
  { value: LIVE_STATUSES.join(','), label: 'Live' },
  { value: 'failed,timed_out', label: 'Failed or timed out' },
  { value: 'queued', label: 'Queued' },
  { value: 'running', label: 'Running' },
  { value: 'succeeded', label: 'Succeeded' },
  { value: 'failed', label: 'Failed' },
  { value: 'timed_out', label: 'Timed out' },
  { value: 'cancelled', label: 'Cancelled' },
]

/** The filters that the address has. Statuses that do not exist are left out. */
function useFilters(): RunFilters {
  const { query } = usePlace()
  const wanted = (query.get('status') ?? '').split(',')
  return { statuses: STATUSES.filter((status): status is RunStatus => wanted.includes(status)), agentId: query.get('agent') }
}

function Filters({ filters, agents }: { readonly filters: RunFilters; readonly agents: readonly Agent[] }): ReactNode {
  const status = filters.statuses.join(',')
  const isListed = status === '' || statusChoices.some(({ value }) => value === status)
  return (
    <>
      <SelectField
        label="Status"
        value={status}
        onChange={(value) => setQuery({ status: value })}
        none="Every status"
        choices={isListed ? statusChoices : [...statusChoices, { value: status, label: status.replaceAll('_', ' ').replaceAll(',', ', ') }]}
      />
      <SelectField
        label="Agent"
        value={filters.agentId ?? ''}
        onChange={(value) => setQuery({ agent: value })}
        none="Every agent"
        choices={agents.map(({ id, name }) => ({ value: id, label: name }))}
      />
    </>
  )
}

/** The runs of the company: those that live first. */
export default function RunsPage(): ReactNode {
  const filters = useFilters()
  const agents = useAgents()
  const { rows, isLoading, problem, hasMore, loadMore, retry } = useRuns(filters)
  const pathOf = useCompanyPath()
  const columns = columnsOf(agents)
  const { at } = useListKeys({
    title: 'Runs',
    count: rows.length,
    onOpen: (index) => {
      const run = rows[index]
      if (run !== undefined) go(pathOf(`runs/${run.id}`))
    },
  })
  const isFiltered = filters.statuses.length > 0 || filters.agentId !== null
  const live = rows.filter(isLive)
  const queued = live.filter(({ status }) => status === 'queued').length
  return (
    <Page
      title="Runs"
      actions={
        <>
          <Filters filters={filters} agents={agents} />
          <button
            type="button"
            className="secondary"
            onClick={() => download('runs.csv', csvOf(rows, columns))}
            disabled={rows.length === 0}
          >
            Save as CSV
          </button>
        </>
      }
    >
      {problem !== null && <Problem problem={problem} retry={retry} />}
      {isLoading ? (
        <Skeleton lines={12} />
      ) : rows.length === 0 && problem === null ? (
        <NoRuns isFiltered={isFiltered} />
      ) : (
        <div className="runs">
          <p className="soft" role="status">
            {formatNumber(rows.length)}
            {hasMore ? ' or more runs' : rows.length === 1 ? ' run' : ' runs'}: {formatNumber(live.length - queued)} running,{' '}
            {formatNumber(queued)} queued
          </p>
          <DataTable name="Runs" rows={rows} columns={columns} keyOf={({ id }) => id} cursor={at} onEnd={loadMore} />
        </div>
      )}
    </Page>
  )
}

function NoRuns({ isFiltered }: { readonly isFiltered: boolean }): ReactNode {
  if (!isFiltered)
    return (
      <Empty title="No agent of this company has run yet.">
        <p>A run begins when an issue is assigned to an agent, when its timer is due, or when you wake it from its page.</p>
      </Empty>
    )
  return (
    <Empty title="No run fits the filters.">
      <button type="button" className="secondary" onClick={() => setQuery({ status: null, agent: null })}>
        Show every run
      </button>
    </Empty>
  )
}
