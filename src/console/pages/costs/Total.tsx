import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { CostSummary } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { Skeleton } from '../../parts/Empty.tsx'
import { formatCents } from '../../parts/money.ts'
import { Problem } from '../../parts/Problem.tsx'
import { Status } from '../../parts/Status.tsx'
import { formatNumber, formatPercent } from '../../parts/time.ts'
import { Link } from '../../router/Link.tsx'
import { useSummary } from './data.ts'
import { rangeWords } from './range.ts'
import type { Range } from './range.ts'

/** The sum of a range, with what is missing in it. */
export function Total({ range }: { readonly range: Range }): ReactNode {
  const read = useSummary(range)
  const summary = read.data?.data
  return (
    <section className="card costs-total" aria-labelledby="total">
      <h2 id="total">Spent</h2>
      {read.error !== null && <Problem problem={read.error} retry={() => inBackground(read.refetch())} />}
      {summary === undefined ? read.error === null && <Skeleton lines={2} /> : <Sum summary={summary} range={range} />}
    </section>
  )
}

function Sum({ summary, range }: { readonly summary: CostSummary; readonly range: Range }): ReactNode {
  const { spendCents, unpricedEventCount } = summary
  const calls = `${formatNumber(unpricedEventCount)} ${unpricedEventCount === 1 ? 'event' : 'events'}`
  return (
    <>
      <p className="costs-sum">
        {formatCents(spendCents)} <span className="soft">{rangeWords(range)}, by the days in UTC</span>
      </p>
      {unpricedEventCount > 0 && (
        <p>
          <Status of="unpriced" tone="warn" words={`${calls} without a price`} /> Their tokens are counted, but no price of their models is
          known. The sum is at least this much.
        </p>
      )}
      {range.name === '' && <OfBudget summary={summary} />}
    </>
  )
}

/** The part of the monthly budget of the company that is spent. */
function OfBudget({ summary: { budgetCents, utilizationPercent } }: { readonly summary: CostSummary }): ReactNode {
  const pathOf = useCompanyPath()
  return (
    <p className="soft">
      {budgetCents === 0
        ? 'The company has no monthly budget. '
        : `${formatPercent(utilizationPercent)} of the monthly budget of the company, ${formatCents(budgetCents)}. `}
      <Link to={pathOf('budgets')}>Budgets</Link>
    </p>
  )
}
