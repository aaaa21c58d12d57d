import type { ReactNode } from 'react'
import { useCompany } from '../../frame/company.tsx'
import { Page } from '../../parts/Page.tsx'
import { Tabs } from '../../parts/Tabs.tsx'
import { usePlace } from '../../router/location.ts'
import { CostTable } from './CostTable.tsx'
import { FinanceTab } from './FinanceTab.tsx'
import { costLists, FINANCE } from './lists.ts'
import { RangeBar } from './RangeBar.tsx'
import { isBackward, rangeOf } from './range.ts'
import { Total } from './Total.tsx'
import { WindowTable } from './WindowTable.tsx'

const tabs = [...costLists, FINANCE]
/** The values of the address that hold for every tab. */
const RANGE = ['range', 'from', 'to']

/** The money that the agents of the company spent in a range of days, added up in several ways. */
export default function CostsPage(): ReactNode {
  const { query } = usePlace()
  const { id } = useCompany()
  const range = rangeOf(query, Date.now())
  const present = query.get('tab') ?? ''
  const list = costLists.find(({ value }) => value === present)
  return (
    <Page title="Costs" actions={<RangeBar range={range} />}>
      {isBackward(range) ? (
        <p className="note">The range ends before it begins. Choose a later last day.</p>
      ) : (
        <>
          <div className="costs-head">
            <Total range={range} />
            <WindowTable />
          </div>
          <Tabs tabs={tabs} label="Ways to add up the costs" keeps={RANGE} />
          {present === FINANCE.value ? (
            <FinanceTab range={range} />
          ) : (
            <CostTable key={`${id} ${present}`} list={list ?? costLists[0]} range={range} />
          )}
        </>
      )}
    </Page>
  )
}
