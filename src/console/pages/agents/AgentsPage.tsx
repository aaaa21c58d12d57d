import { useMemo, useState } from 'react'
import type { ReactNode } from 'react'
import { useCompany } from '../../frame/company.tsx'
import { useKeys } from '../../keys/keys.ts'
import { csvOf, download } from '../../parts/csv.ts'
import { Empty, Skeleton } from '../../parts/Empty.tsx'
import { Page } from '../../parts/Page.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Segments } from '../../parts/Segments.tsx'
import { setQuery, usePlace } from '../../router/location.ts'
import { AgentList } from './AgentList.tsx'
import { columns } from './columns.tsx'
import { useAgentLines, useOrg } from './data.ts'
import type { AgentLine } from './data.ts'
import { HireDialog } from './HireDialog.tsx'
import { OrgTree } from './OrgTree.tsx'
import { selectLines, stateFilters, statusOf } from './select.ts'

/** The agents of the company: as a list, or as the tree of who reports to whom. */
export default function AgentsPage(): ReactNode {
  const company = useCompany()
  const { query } = usePlace()
  const [isHiring, setHiring] = useState(false)
  const view = query.get('view') === 'tree' ? 'tree' : 'list'
  const state = query.get('state') ?? ''
  const { rows, isLoading, problem } = useAgentLines(company.id, view === 'tree' ? '' : statusOf(state))
  const words = query.get('q') ?? ''
  const sort = query.get('sort') ?? ''
  const isDescending = query.get('order') === 'desc'
  const lines = useMemo(() => selectLines(rows, { words, state, sort, isDescending }), [rows, words, state, sort, isDescending])
  useKeys('Agents', [
    { keys: 'c', label: 'Hire an agent', run: () => setHiring(true) },
    { keys: 't', label: 'Switch between list and tree', run: () => setQuery({ view: view === 'tree' ? null : 'tree' }) },
    { keys: '/', label: 'Search', run: () => document.getElementById('agents-search')?.focus() },
  ])
  return (
    <Page
      title="Agents"
      actions={
        <>
          <Segments label="View" value={view} choices={views} onChange={(value) => setQuery({ view: value === 'list' ? null : value })} />
          {view === 'list' && <Filters words={words} state={state} />}
          {view === 'list' && (
            <button type="button" className="secondary" onClick={() => download('agents.csv', csvOf(lines, columns))}>
              CSV
            </button>
          )}
          <button type="button" onClick={() => setHiring(true)}>
            Hire an agent
          </button>
        </>
      }
    >
      {problem !== null && <Problem problem={problem} />}
      {isLoading ? <Skeleton lines={8} /> : <Content view={view} all={rows} lines={lines} />}
      {isHiring && <HireDialog onClose={() => setHiring(false)} />}
    </Page>
  )
}

interface ContentProps {
  readonly view: 'list' | 'tree'
  readonly all: readonly AgentLine[]
  readonly lines: readonly AgentLine[]
}

function Content({ view, all, lines }: ContentProps): ReactNode {
  const company = useCompany()
  const { query } = usePlace()
  const org = useOrg(company.id).data?.data
  const facts = useMemo(() => new Map(all.map((line) => [line.agent.id, line])), [all])
  const isFiltered = query.has('q') || query.has('state')
  if (view === 'tree' && org === undefined) return <Skeleton lines={8} />
  if (view === 'tree' && org !== undefined && org.length > 0) return <OrgTree roots={org} facts={facts} />
  if (view === 'list' && lines.length > 0) return <AgentList lines={lines} />
  if (view === 'list' && isFiltered)
    return (
      <Empty title="No agent fits the filters.">
        <button type="button" className="secondary" onClick={() => setQuery({ q: null, state: null })}>
          Remove the filters
        </button>
      </Empty>
    )
  return <Empty title="This company has no agent yet.">Hire one: it works on the issues that are assigned to it.</Empty>
}

const views = [
  { value: 'list', label: 'List' },
  { value: 'tree', label: 'Tree' },
]

const Filters = ({ words, state }: { readonly words: string; readonly state: string }): ReactNode => (
  <>
    <input
      id="agents-search"
      type="search"
      aria-label="Search agents"
      placeholder="Name, title, role"
      value={words}
      onChange={({ target }) => setQuery({ q: target.value })}
    />
    <select aria-label="State" value={state} onChange={({ target }) => setQuery({ state: target.value })}>
      <option value="">All states</option>
      {stateFilters.map(({ value, label }) => (
        <option key={value} value={value}>
          {label}
        </option>
      ))}
    </select>
  </>
)
