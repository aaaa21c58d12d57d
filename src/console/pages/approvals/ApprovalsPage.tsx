import { useEffect, useRef, useState } from 'react'
import type { ReactNode } from 'react'
import { useCompany, useCompanyPath } from '../../frame/company.tsx'
import { useKeys } from '../../keys/keys.ts'
import { Empty, Skeleton } from '../../parts/Empty.tsx'
import { SelectField } from '../../parts/fields.tsx'
import { Page } from '../../parts/Page.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Segments } from '../../parts/Segments.tsx'
import { wordsOf } from '../../parts/Status.tsx'
import { useIsWide } from '../../parts/useIsWide.ts'
import { go, setQuery, usePlace } from '../../router/location.ts'
import { useNames } from '../activity/names.ts'
import { ApprovalList } from './ApprovalList.tsx'
import { ApprovalView } from './ApprovalView.tsx'
import { useApprovals } from './data.ts'
import type { ApprovalsRead, ListFilter } from './data.ts'
import { typeWords } from './words.ts'
import type { ApprovalStatus, ApprovalType } from './words.ts'

const statuses: readonly { readonly value: ApprovalStatus | 'all'; readonly label: string }[] = [
  { value: 'pending', label: 'Waiting' },
  { value: 'revision_requested', label: 'Sent back' },
  { value: 'approved', label: 'Approved' },
  { value: 'rejected', label: 'Rejected' },
  { value: 'cancelled', label: 'Cancelled' },
  { value: 'all', label: 'All' },
]
const types = Object.entries(typeWords).map(([value, label]) => ({ value, label }))
const noRows: readonly never[] = []

/** The filter in an address. Nothing given is what waits for a decision. */
function filterIn(query: URLSearchParams): ListFilter {
  const status = statuses.find(({ value }) => value === query.get('status'))?.value ?? 'pending'
  const type = query.get('type')
  return { status: status === 'all' ? null : status, type: type !== null && type in typeWords ? (type as ApprovalType) : null }
}

interface Selected {
  readonly id: string | null
  readonly move: (by: number) => void
}

/**
 * The order in which `j` and `k` go. A row that has left the list leaves its place to the next one. The row that is shown first stays when it is
 * decided, so that its outcome is seen and no other request takes its place while a note is written.
 */
function useSelected({ rows, hasFirst }: ApprovalsRead, { status, type }: ListFilter, chosen: string | null): Selected {
  const ids = rows.map((row) => row.id)
  const place = useRef(0)
  const list = `${status} ${type}`
  const [first, setFirst] = useState<{ readonly list: string; readonly id: string } | null>(null)
  if (hasFirst && first?.list !== list && ids[0] !== undefined) setFirst({ list, id: ids[0] })
  const given = chosen ?? (first?.list === list ? first.id : (ids[0] ?? null))
  const at = given === null ? -1 : ids.indexOf(given)
  useEffect(() => {
    if (at >= 0) place.current = at
  }, [at])
  const move = (by: number): void => {
    const isListed = given === null || at >= 0
    const from = isListed ? Math.max(at, 0) : by > 0 ? place.current - 1 : place.current
    const next = ids[Math.max(0, Math.min(ids.length - 1, from + by))]
    if (next !== undefined) setQuery({ open: next })
  }
  return { id: given, move }
}

/** The requests that wait for a decision: the list by age, and beside it the one that is looked at. */
export default function ApprovalsPage(): ReactNode {
  const { id: companyId } = useCompany()
  const pathOf = useCompanyPath()
  const { query } = usePlace()
  const isWide = useIsWide()
  const filter = filterIn(query)
  const read = useApprovals(companyId, filter)
  const { rows, isLoading, problem, hasMore, loadMore } = read
  const nameOf = useNames(noRows)
  const { id, move } = useSelected(read, filter, query.get('open'))
  useKeys('Approvals', [
    { keys: 'j', label: 'Next approval', run: () => move(1) },
    { keys: 'k', label: 'Previous approval', run: () => move(-1) },
    { keys: 'enter', label: 'Open the approval as a page', run: () => id !== null && go(pathOf(`approvals/${id}`)) },
  ])
  const search = (open: string): string =>
    new URLSearchParams([...query].filter(([name]) => name !== 'open').concat([['open', open]])).toString()
  return (
    <Page title="Approvals" actions={<Filters filter={filter} />}>
      {problem !== null && <Problem problem={problem} />}
      {isLoading ? (
        <Skeleton lines={8} />
      ) : rows.length === 0 && (!isWide || id === null) ? (
        <NoRows filter={filter} />
      ) : (
        <div className="inbox">
          <div className="inbox-list">
            <ApprovalList
              rows={rows}
              selectedId={isWide ? id : query.get('open')}
              nameOf={nameOf}
              pathOf={(open) => pathOf(isWide ? `approvals?${search(open)}` : `approvals/${open}`)}
            />
            {hasMore && (
              <button type="button" className="secondary" onClick={loadMore}>
                Load more
              </button>
            )}
          </div>
          {isWide && id !== null && <ApprovalView key={id} id={id} />}
        </div>
      )}
    </Page>
  )
}

function Filters({ filter: { status, type } }: { readonly filter: ListFilter }): ReactNode {
  return (
    <>
      <Segments
        label="Status"
        value={status ?? 'all'}
        choices={statuses}
        onChange={(value) => setQuery({ status: value === 'pending' ? null : value, open: null })}
      />
      <SelectField
        label="Type"
        value={type ?? ''}
        choices={types}
        none="All types"
        onChange={(value) => setQuery({ type: value, open: null })}
      />
    </>
  )
}

function NoRows({ filter: { status, type } }: { readonly filter: ListFilter }): ReactNode {
  if (status === 'pending' && type === null)
    return (
      <Empty title="Nothing waits for a decision.">
        <p>Agents ask here before they hire, before they change what this host runs, and whenever they need the board.</p>
      </Empty>
    )
  return (
    <Empty
      title={`There is no approval${status === null ? '' : ` with the status ${wordsOf(status)}`}${type === null ? '' : ' of this type'}.`}
    />
  )
}
