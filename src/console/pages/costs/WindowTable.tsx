import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { WindowSpend } from '../../api/types.ts'
import { Skeleton } from '../../parts/Empty.tsx'
import { formatCents } from '../../parts/money.ts'
import { Problem } from '../../parts/Problem.tsx'
import { formatNumber } from '../../parts/time.ts'
import { CsvLink } from './CsvLink.tsx'
import { useWindowSpend } from './data.ts'
import { billersOf, SPEND_WINDOWS } from './windows.ts'

const windowWords: Readonly<Record<WindowSpend['window'], string>> = { '5h': '5 hours', '24h': '24 hours', '7d': '7 days' }

/** The spending of the last hours and days, by the one that sends the bill: the windows in which providers limit use. */
export function WindowTable(): ReactNode {
  const read = useWindowSpend()
  const rows = read.data?.data
  return (
    <section className="card costs-windows" aria-labelledby="windows">
      <div className="section-head">
        <h2 id="windows">Last hours and days</h2>
        <CsvLink endpoint="window-spend" query={{}} name="the last hours and days" />
      </div>
      {read.error !== null && <Problem problem={read.error} retry={() => inBackground(read.refetch())} />}
      {rows === undefined ? (
        read.error === null && <Skeleton lines={2} />
      ) : rows.length === 0 ? (
        <p className="soft">Nothing was spent in the last 7 days.</p>
      ) : (
        <Windows rows={rows} />
      )}
    </section>
  )
}

function Windows({ rows }: { readonly rows: readonly WindowSpend[] }): ReactNode {
  return (
    <div className="table-frame" role="region" aria-label="Spending of the last hours and days" tabIndex={0}>
      <table className="costs-windows-table" aria-label="Spending of the last hours and days">
        <thead>
          <tr>
            <th scope="col">Provider</th>
            {SPEND_WINDOWS.map((window) => (
              <th key={window} scope="col">
                {windowWords[window]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {billersOf(rows).map(({ name, spend }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {SPEND_WINDOWS.map((window) => (
                <td key={window}>
                  <Spend of={spend[window]} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** "1.7M". */
const short = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 })

function Spend({ of }: { readonly of: WindowSpend | undefined }): ReactNode {
  if (of === undefined) return <span className="soft">nothing</span>
  const tokens = of.inputTokens + of.cachedInputTokens + of.outputTokens
  return (
    <>
      {formatCents(of.costCents)}{' '}
      <span className="soft" title={`${formatNumber(tokens)} tokens`}>
        {short.format(tokens)} tokens
      </span>
    </>
  )
}
