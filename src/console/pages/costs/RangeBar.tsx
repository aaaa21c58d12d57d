import type { ReactNode } from 'react'
import { DateField } from '../../parts/DateField.tsx'
import { Segments } from '../../parts/Segments.tsx'
import { setQuery } from '../../router/location.ts'
import type { Range, RangeName } from './range.ts'

const choices: readonly { readonly value: RangeName; readonly label: string }[] = [
  { value: '', label: 'This month' },
  { value: 'last-month', label: 'Last month' },
  { value: '7-days', label: '7 days' },
  { value: 'custom', label: 'Custom' },
]

/** The choice of the range. A custom one begins with the days that were shown. */
export function RangeBar({ range }: { readonly range: Range }): ReactNode {
  const { name, first, last } = range
  return (
    <>
      <Segments
        label="Range"
        value={name}
        choices={choices}
        onChange={(value) => setQuery({ range: value, from: value === 'custom' ? first : null, to: value === 'custom' ? last : null })}
      />
      {name === 'custom' && (
        <>
          <DateField label="From" value={first} onChange={(from) => setQuery({ from })} />
          <DateField label="To" value={last} onChange={(to) => setQuery({ to })} />
        </>
      )}
    </>
  )
}
