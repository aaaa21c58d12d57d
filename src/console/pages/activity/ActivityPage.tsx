import { useState } from 'react'
import type { ReactNode } from 'react'
import { useCompany } from '../../frame/company.tsx'
import { useListKeys } from '../../keys/useListKeys.ts'
import { DataTable } from '../../parts/DataTable.tsx'
import { Empty, Skeleton } from '../../parts/Empty.tsx'
import { Page } from '../../parts/Page.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { setQuery, usePlace } from '../../router/location.ts'
import { ActivityFilters } from './ActivityFilters.tsx'
import { columnsOf } from './columns.tsx'
import { CsvButton } from './CsvButton.tsx'
import { useActivity } from './data.ts'
import type { ActivityRead } from './data.ts'
import { filterIn } from './filters.ts'
import type { Filter } from './filters.ts'
import { useNames } from './names.ts'
import type { NameOf } from './sentences.ts'
import { RowDrawer } from './RowDrawer.tsx'
import { VerifyDialog } from './VerifyDialog.tsx'

interface ListState {
  readonly read: ActivityRead
  readonly cursor: number
  readonly hold: (isIn: boolean) => void
  /** Shows the rows that came while the reader was in the list. */
  readonly release: () => void
}

const openRow = (row: { readonly id: string; readonly createdAt: string } | undefined): void => {
  if (row !== undefined) setQuery({ row: row.id, at: row.createdAt })
}

function useList(filter: Filter): ListState {
  const { id } = useCompany()
  const [isIn, setIn] = useState(false)
  const [hasCursor, setHasCursor] = useState(false)
  const read = useActivity(id, filter, isIn || hasCursor)
  const { at, setAt } = useListKeys({
    title: 'Activity',
    count: read.rows.length,
    onOpen: (index) => openRow(read.rows[index]),
    more: [{ keys: 'v', label: 'Verify the chain', run: () => setQuery({ verify: '1' }) }],
  })
  if (hasCursor !== at >= 0) setHasCursor(at >= 0)
  return {
    read,
    cursor: at,
    hold: setIn,
    release: () => {
      setIn(false)
      setAt(-1)
    },
  }
}

/** The events of the company, by whom, and whether the record of it is whole. */
export default function ActivityPage(): ReactNode {
  const { query } = usePlace()
  const filter = filterIn(query)
  const list = useList(filter)
  const nameOf = useNames(list.read.rows)
  const row = query.get('row')
  return (
    <Page
      title="Activity"
      actions={
        <>
          <CsvButton filter={filter} nameOf={nameOf} />
          <button type="button" onClick={() => setQuery({ verify: '1' })}>
            Verify
          </button>
        </>
      }
    >
      <ActivityFilters nameOf={nameOf} isSet={filter.isSet} />
      <Log list={list} filter={filter} nameOf={nameOf} />
      {row !== null && (
        <RowDrawer key={row} id={row} at={query.get('at')} rows={list.read.rows} onClose={() => setQuery({ row: null, at: null })} />
      )}
      {query.get('verify') === '1' && <VerifyDialog onClose={() => setQuery({ verify: null })} />}
    </Page>
  )
}

interface LogProps {
  readonly list: ListState
  readonly filter: Filter
  readonly nameOf: NameOf
}

function Log({ list: { read, cursor, hold, release }, filter, nameOf }: LogProps): ReactNode {
  const { rows, waiting, isLoading, isLoadingMore, hasMore, problem, loadMore } = read
  if (problem !== null && rows.length === 0) return <Problem problem={problem} />
  if (isLoading) return <Skeleton lines={12} />
  return (
    <>
      {problem !== null && <Problem problem={problem} />}
      <p className="activity-count" role="status">
        {waiting > 0 && (
          <button type="button" className="quiet" onClick={release}>
            {waiting} new
          </button>
        )}
        <span className="soft">
          {rows.length} {rows.length === 1 ? 'row' : 'rows'}
          {hasMore ? ' so far' : ''}
        </span>
      </p>
      {rows.length === 0 ? (
        <NoRows filter={filter} hasMore={hasMore} />
      ) : (
        <div className="log" onPointerEnter={({ pointerType }) => pointerType === 'mouse' && hold(true)} onPointerLeave={() => hold(false)}>
          <DataTable name="Activity" rows={rows} columns={columnsOf(nameOf, openRow)} keyOf={({ id }) => id} cursor={cursor} />
        </div>
      )}
      {hasMore && (
        <p className="activity-more">
          <button type="button" className="secondary" disabled={isLoadingMore} onClick={loadMore}>
            {isLoadingMore ? 'Loading' : 'Load more'}
          </button>
        </p>
      )}
    </>
  )
}

function NoRows({ filter: { isSet, preset }, hasMore }: { readonly filter: Filter; readonly hasMore: boolean }): ReactNode {
  if (hasMore) return <Empty title="None of the newest rows fits. There are older ones." />
  if (preset.value === 'interventions')
    return (
      <Empty title="The board has not intervened.">
        <p>A force-release, a paused agent, a cancelled run and a rejected approval are listed here.</p>
      </Empty>
    )
  return (
    <Empty title={isSet ? 'No row fits these filters.' : 'Nothing has happened yet.'}>
      {isSet ? <p>Clear a filter to see more.</p> : <p>Each act of the board, of an agent and of the server becomes a row here.</p>}
    </Empty>
  )
}
