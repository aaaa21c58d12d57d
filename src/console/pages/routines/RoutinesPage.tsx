import { useState } from 'react'
import type { ReactNode } from 'react'
import { useCompanyPath } from '../../frame/company.tsx'
import { useListKeys } from '../../keys/useListKeys.ts'
import { Empty, Skeleton } from '../../parts/Empty.tsx'
import { CheckField } from '../../parts/fields.tsx'
import { Page } from '../../parts/Page.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { go, setQuery, usePlace } from '../../router/location.ts'
import { useRoutines } from './data.ts'
import { NewRoutine } from './NewRoutine.tsx'
import { PauseAll, ResumeAll } from './PauseAll.tsx'
import { RoutineTable } from './RoutineTable.tsx'

/** The routines of the company: work that comes back by itself. Archived ones are shown on request. */
export default function RoutinesPage(): ReactNode {
  const pathOf = useCompanyPath()
  const { rows, isLoading, problem, hasMore, loadMore, retry } = useRoutines()
  const [open, setOpen] = useState<'new' | 'pause' | 'resume' | null>(null)
  const showsArchived = usePlace().query.get('archived') === 'yes'
  const shown = rows.filter(({ status }) => showsArchived || status !== 'archived')
  const { at } = useListKeys({
    title: 'Routines',
    count: shown.length,
    rowKeys: shown.map(({ id }) => id),
    onOpen: (index) => {
      const routine = shown[index]
      if (routine !== undefined) go(pathOf(`routines/${routine.id}`))
    },
    more: [{ keys: 'n', label: 'New routine', run: () => setOpen('new') }],
  })
  const shared = { routines: rows, hasMore, onClose: () => setOpen(null) }
  return (
    <Page
      title="Routines"
      actions={
        <>
          <CheckField label="Archived, too" value={showsArchived} onChange={(isOn) => setQuery({ archived: isOn ? 'yes' : null })} />
          {rows.some(({ pauseReason }) => pauseReason === 'pause_all') && (
            <button type="button" className="secondary" onClick={() => setOpen('resume')}>
              Resume all
            </button>
          )}
          {rows.some(({ status }) => status === 'active') && (
            <button type="button" className="secondary" onClick={() => setOpen('pause')}>
              Pause all
            </button>
          )}
          <button type="button" title="New routine (n)" onClick={() => setOpen('new')}>
            New routine
          </button>
        </>
      }
    >
      {problem !== null && <Problem problem={problem} retry={retry} />}
      {isLoading ? (
        <Skeleton lines={8} />
      ) : shown.length > 0 ? (
        <RoutineTable routines={shown} cursor={at} onEnd={loadMore} />
      ) : (
        problem === null && <NoRoutine isFiltered={rows.length > 0} />
      )}
      {open === 'new' && <NewRoutine onClose={shared.onClose} />}
      {open === 'pause' && <PauseAll {...shared} />}
      {open === 'resume' && <ResumeAll {...shared} />}
    </Page>
  )
}

const NoRoutine = ({ isFiltered }: { readonly isFiltered: boolean }): ReactNode =>
  isFiltered ? (
    <Empty title="Every routine is archived." />
  ) : (
    <Empty title="There is no routine yet.">
      <p>A routine makes an issue for an agent again and again: by a schedule, by a webhook, or by hand.</p>
    </Empty>
  )
