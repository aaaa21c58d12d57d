import { useEffect, useRef, useState } from 'react'
import type { ReactNode } from 'react'
import { useCompany, useCompanyPath } from '../../frame/company.tsx'
import { useKeys } from '../../keys/keys.ts'
import { Page } from '../../parts/Page.tsx'
import { Segments } from '../../parts/Segments.tsx'
import { go, setQuery, usePlace } from '../../router/location.ts'
import { Board } from './Board.tsx'
import { CreateDialog } from './CreateDialog.tsx'
import { emptyDraft } from './draft.ts'
import { FilterBar } from './FilterBar.tsx'
import { filterOf, layoutOf, queryText } from './filters.ts'
import { IssueList } from './IssueList.tsx'
import { useNames } from './names.ts'
import { ViewBar } from './ViewBar.tsx'
import { openView, useViews } from './views.ts'

const layouts = [
  { value: 'list', label: 'List' },
  { value: 'board', label: 'Board' },
]

/** The issues of the company: as a list or as a board, with every filter in the address. */
export default function IssuesPage(): ReactNode {
  const company = useCompany()
  const path = useCompanyPath()('issues')
  const { query } = usePlace()
  const search = useRef<HTMLInputElement>(null)
  const [isCreating, setCreating] = useState(false)
  const [draft, setDraft] = useState(emptyDraft)
  const views = useViews(company.id)
  const names = useNames(company.id)
  const filter = filterOf(query)
  const layout = layoutOf(query)
  const openQuery = `${openView.query}${layout === 'board' ? '&layout=board' : ''}`
  const isEmpty = Object.keys(filter).length === 0
  useEffect(() => {
    if (isEmpty) go(`${path}?${openQuery}`, { replaces: true })
  }, [isEmpty, path, openQuery])
  // The palette opens the dialog from any page by this word of the address.
  const isAsked = query.has('create')
  useEffect(() => {
    if (!isAsked) return
    setCreating(true)
    setQuery({ create: null })
  }, [isAsked])
  const otherLayout = new URLSearchParams(query)
  otherLayout.set('layout', layout === 'board' ? 'list' : 'board')
  const switchLayout = (): void => go(`${path}?${queryText(otherLayout)}`, { replaces: true })
  useKeys('Issues', [
    { keys: '/', label: 'Search in the issues', run: () => search.current?.focus() },
    { keys: 'c', label: 'Create an issue', run: () => setCreating(true) },
    { keys: 'b', label: 'Switch between list and board', run: switchLayout },
  ])
  return (
    <Page
      title="Issues"
      actions={
        <>
          <Segments label="Layout" value={layout} choices={layouts} onChange={(chosen) => chosen !== layout && switchLayout()} />
          <button type="button" title="Key: c" onClick={() => setCreating(true)}>
            Create issue
          </button>
        </>
      }
    >
      <ViewBar path={path} query={queryText(query)} views={views} />
      <FilterBar filter={filter} names={names} search={search} />
      {isEmpty ? null : layout === 'board' ? (
        <Board filter={filter} names={names} />
      ) : (
        <IssueList filter={filter} names={names} list={queryText(query)} onCreate={() => setCreating(true)} />
      )}
      {isCreating && <CreateDialog draft={draft} onDraft={setDraft} names={names} onClose={() => setCreating(false)} />}
    </Page>
  )
}
