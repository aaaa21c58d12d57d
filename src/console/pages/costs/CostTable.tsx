import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { Column } from '../../parts/DataTable.tsx'
import { DataTable } from '../../parts/DataTable.tsx'
import { Empty, Skeleton } from '../../parts/Empty.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { setQuery } from '../../router/location.ts'
import { agentColumns, billerColumns, modelColumns, projectColumns, providerColumns } from './columns.tsx'
import type { Spent } from './columns.tsx'
import { CsvLink } from './CsvLink.tsx'
import { useCosts } from './data.ts'
import type { costLists } from './lists.ts'
import { queryOf, rangeWords } from './range.ts'
import type { Range } from './range.ts'

type List = (typeof costLists)[number]

interface ShownProps {
  readonly list: List
  readonly range: Range
}

/** One list of costs: what was spent, added up in one way. */
export function CostTable({ list, range }: ShownProps): ReactNode {
  switch (list.endpoint) {
    case 'by-agent':
      return <Rows list={list} range={range} columnsOf={agentColumns} keyOf={({ agentId }) => agentId} />
    case 'by-agent-model':
      return (
        <Rows
          list={list}
          range={range}
          columnsOf={modelColumns}
          keyOf={({ agentId, provider, biller, billingType, model }) => [agentId, provider, biller, billingType, model].join('\n')}
        />
      )
    case 'by-provider':
      return (
        <Rows
          list={list}
          range={range}
          columnsOf={providerColumns}
          keyOf={({ provider, biller, billingType, model }) => [provider, biller, billingType, model].join('\n')}
        />
      )
    case 'by-biller':
      return <Rows list={list} range={range} columnsOf={billerColumns} keyOf={({ biller }) => biller} />
    case 'by-project':
      return <Rows list={list} range={range} columnsOf={projectColumns} keyOf={({ projectId }) => projectId ?? ''} />
  }
}

interface RowsProps<T> extends ShownProps {
  readonly columnsOf: (rows: readonly T[]) => readonly Column<T>[]
  readonly keyOf: (row: T) => string
}

function Rows<T extends Spent>({ list, range, columnsOf, keyOf }: RowsProps<T>): ReactNode {
  const read = useCosts<T>(list.endpoint, range)
  const rows = read.data?.data
  const name = `Costs ${list.label.toLowerCase()}`
  return (
    <section aria-labelledby="list" className="cost-list">
      <div className="section-head">
        <h2 id="list">{list.label}</h2>
        <CsvLink endpoint={list.endpoint} query={queryOf(range)} name={name} />
      </div>
      {read.error !== null && <Problem problem={read.error} retry={() => inBackground(read.refetch())} />}
      {rows === undefined ? (
        read.error === null && <Skeleton />
      ) : rows.length === 0 ? (
        <NoCosts range={range} />
      ) : (
        <DataTable name={name} rows={rows} columns={columnsOf(rows)} keyOf={keyOf} isPlain />
      )}
    </section>
  )
}

function NoCosts({ range }: { readonly range: Range }): ReactNode {
  return (
    <Empty title={`Nothing was spent: ${rangeWords(range)}.`}>
      <p>
        Costs arrive by themselves: an agent reports each call of a model to <code>POST /api/companies/…/cost-events</code>, and for a
        program that this server starts, the usage that it writes at its end becomes an event.
      </p>
      {(range.first !== null || range.last !== null) && (
        <button type="button" className="secondary" onClick={() => setQuery({ range: 'custom', from: null, to: null })}>
          Show all costs
        </button>
      )}
    </Empty>
  )
}
