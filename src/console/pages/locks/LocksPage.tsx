import { useMemo, useRef } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { Hold } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { useKeys } from '../../keys/keys.ts'
import { Empty, Skeleton } from '../../parts/Empty.tsx'
import { Page } from '../../parts/Page.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { useNow } from '../../parts/Time.tsx'
import { Link } from '../../router/Link.tsx'
import { setQuery, usePlace } from '../../router/location.ts'
import { useHolds, useProjects } from './data.ts'
import { filterOf, isFiltered, matches, noFilter, orderOf, sorted } from './filters.ts'
import { HoldDrawer } from './HoldDrawer.tsx'
import { LockFilters } from './LockFilters.tsx'
import { LockList } from './LockList.tsx'

const none: readonly Hold[] = []

/** The page of holds: every hold of the company, the worst first, and the act that ends it. */
export default function LocksPage(): ReactNode {
  const { query } = usePlace()
  const read = useHolds()
  const projects = useProjects()
  const search = useRef<HTMLInputElement>(null)
  const look = query.get('look')
  useKeys('Locks', [{ keys: '/', label: 'Search in the locks', run: () => search.current?.focus() }])
  return (
    <Page title="Locks">
      <LockFilters filter={filterOf(query)} holds={read.data ?? none} projects={projects} search={search} />
      {read.error !== null && <Problem problem={read.error} retry={() => inBackground(read.refetch())} />}
      {read.data === undefined ? read.error === null && <Skeleton lines={10} /> : <Matching holds={read.data} />}
      {look !== null && <HoldDrawer key={look} issue={look} onClose={() => setQuery({ look: null })} />}
    </Page>
  )
}

/** The holds that match the address. A lease that runs out changes them without a reading. */
function Matching({ holds }: { readonly holds: readonly Hold[] }): ReactNode {
  const { query } = usePlace()
  const now = useNow()
  const text = query.toString()
  const filter = useMemo(() => filterOf(new URLSearchParams(text)), [text])
  const order = useMemo(() => orderOf(new URLSearchParams(text)), [text])
  const shown = useMemo(() => {
    const matching = holds.filter((hold) => matches(hold, filter, now))
    return sorted(matching, order, now)
  }, [holds, filter, order, now])
  const list = JSON.stringify([filter, order])
  return (
    <LockList holds={shown} order={order} list={list}>
      <NoHolds isFiltered={isFiltered(filter)} />
    </LockList>
  )
}

function NoHolds({ isFiltered: isNarrowed }: { readonly isFiltered: boolean }): ReactNode {
  const pathOf = useCompanyPath()
  if (isNarrowed)
    return (
      <Empty title="No hold matches these filters.">
        <button type="button" className="secondary" onClick={() => setQuery(noFilter)}>
          Show every hold
        </button>
      </Empty>
    )
  return (
    <Empty title="No run holds an issue.">
      <p>
        A run that works on an issue holds it: no other run takes or changes the issue until it is released, or until the run is dead. A run
        is dead when it has ended, or when its lease ran out because no heartbeat came.
      </p>
      <p>
        Holds appear here by themselves. Assign <Link to={pathOf('issues?status=todo')}>an issue</Link> to an agent to see the first one.
      </p>
    </Empty>
  )
}
