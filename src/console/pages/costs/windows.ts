// The spending of the last hours and days, one row for each provider and biller.

import type { WindowSpend } from '../../api/types.ts'

/** The windows in which it is counted, the shortest first. */
export const SPEND_WINDOWS: readonly WindowSpend['window'][] = ['5h', '24h', '7d']

export interface BillerSpend {
  /** The provider, with the biller where that is another one. */
  readonly name: string
  readonly spend: Readonly<Partial<Record<WindowSpend['window'], WindowSpend>>>
}

const nameOf = ({ provider, biller }: WindowSpend): string => (provider === biller ? provider : `${provider}, billed by ${biller}`)

/** Groups the rows of the server by provider and biller, in the order in which they come. */
export function billersOf(rows: readonly WindowSpend[]): readonly BillerSpend[] {
  const names = [...new Set(rows.map(nameOf))]
  return names.map((name) => ({
    name,
    spend: Object.fromEntries(rows.filter((row) => nameOf(row) === name).map((row) => [row.window, row])),
  }))
}
