import { useState } from 'react'
import type { ReactNode } from 'react'
import type { FinanceEvent, FinanceSummary } from '../../api/types.ts'
import type { Column } from '../../parts/DataTable.tsx'
import { DataTable } from '../../parts/DataTable.tsx'
import { Empty, Skeleton } from '../../parts/Empty.tsx'
import { formatAmount, formatCents } from '../../parts/money.ts'
import { Problem } from '../../parts/Problem.tsx'
import { formatNumber } from '../../parts/time.ts'
import { Time } from '../../parts/Time.tsx'
import { CsvLink } from './CsvLink.tsx'
import { useFinanceEvents, useFinanceSummary } from './data.ts'
import { FinanceDialog } from './FinanceDialog.tsx'
import { FINANCE } from './lists.ts'
import { queryOf, rangeWords } from './range.ts'
import type { Range } from './range.ts'
import { signedCents, spoken } from './words.ts'

/** Money that no run spent: invoices, credits, fees, refunds. */
export function FinanceTab({ range }: { readonly range: Range }): ReactNode {
  const [isAdding, setAdding] = useState(false)
  const read = useFinanceEvents(range)
  const summary = useFinanceSummary(range).data?.data
  const { rows, isLoading, problem, retry, loadMore } = read
  return (
    <section aria-labelledby="list" className="cost-list">
      <div className="section-head">
        <h2 id="list">{FINANCE.label}</h2>
        <div className="row">
          <CsvLink endpoint={FINANCE.endpoint} query={queryOf(range)} name="invoices and credits" />
          <button type="button" onClick={() => setAdding(true)}>
            Add an event
          </button>
        </div>
      </div>
      {summary !== undefined && summary.eventCount > 0 && <Balance summary={summary} />}
      {problem !== null && <Problem problem={problem} retry={retry} />}
      {isLoading ? (
        <Skeleton />
      ) : rows.length === 0 && problem === null ? (
        <Empty title={`No invoice and no credit: ${rangeWords(range)}.`}>
          <p>Add what no run reports: a subscription, an invoice, a credit that was bought, a refund. It counts against no budget.</p>
        </Empty>
      ) : (
        <DataTable name="Invoices and credits" rows={rows} columns={columns} keyOf={({ id }) => id} onEnd={loadMore} isPlain />
      )}
      {isAdding && <FinanceDialog onClose={() => setAdding(false)} />}
    </section>
  )
}

function Balance({ summary }: { readonly summary: FinanceSummary }): ReactNode {
  const { debitCents, creditCents, netCents, estimatedDebitCents, otherCurrencyEventCount } = summary
  return (
    <p>
      <strong>{formatCents(netCents)}</strong> in all: {formatCents(debitCents)} paid
      {estimatedDebitCents > 0 && `, of which ${formatCents(estimatedDebitCents)} is an estimate`}, {formatCents(creditCents)} received.
      {otherCurrencyEventCount > 0 && (
        <span className="soft"> {formatNumber(otherCurrencyEventCount)} events in another currency are not in these sums.</span>
      )}
    </p>
  )
}

const columns: readonly Column<FinanceEvent>[] = [
  { key: 'when', title: 'When', cell: ({ occurredAt }) => <Time at={occurredAt} /> },
  { key: 'kind', title: 'Kind', cell: ({ eventKind }) => spoken(eventKind) },
  { key: 'biller', title: 'Biller', cell: ({ biller }) => biller },
  {
    key: 'description',
    title: 'Description',
    cell: ({ description }) => <span title={description ?? ''}>{description}</span>,
    isSecondary: true,
  },
  { key: 'invoice', title: 'Invoice', cell: ({ externalInvoiceId }) => externalInvoiceId, isSecondary: true },
  { key: 'direction', title: 'Direction', cell: ({ direction }) => (direction === 'credit' ? 'received' : 'paid'), isSecondary: true },
  { key: 'amount', title: 'Amount', cell: (event) => <Amount event={event} />, isNumber: true },
]

const Amount = ({ event }: { readonly event: FinanceEvent }): ReactNode => (
  <>
    {event.estimated && <span className="soft">estimated </span>}
    {formatAmount(signedCents(event), event.currency)}
  </>
)
