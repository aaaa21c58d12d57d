// The words of the page of costs.

import type { FinanceEvent } from '../../api/types.ts'
import { formatNumber } from '../../parts/time.ts'

/** How the words of a value of the server begin, with its underscores as spaces. */
export const spoken = (value: string): string => {
  const words = value.replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

const billingWords: Readonly<Record<string, string>> = {
  metered_api: 'paid by use',
  subscription_included: 'in the subscription',
  subscription_overage: 'beyond the subscription',
  credits: 'credits',
  fixed: 'fixed price',
  unknown: 'not known',
}

/** How a call was paid for. */
export const billingOf = (billingType: string): string => billingWords[billingType] ?? billingType.replaceAll('_', ' ')

interface Runs {
  readonly apiRunCount: number
  readonly subscriptionRunCount: number
}

/** The number of runs that spent something. A run that paid in both ways counts in both. */
export const runsOf = ({ apiRunCount, subscriptionRunCount }: Runs): number => apiRunCount + subscriptionRunCount

/** The runs by the way in which they were paid for. */
export const runsWords = ({ apiRunCount, subscriptionRunCount }: Runs): string =>
  `${formatNumber(apiRunCount)} paid by use, ${formatNumber(subscriptionRunCount)} in a subscription`

/** The part that a row has in the whole, in percent; 0 where nothing was spent. Corrections may make it negative. */
export const shareOf = (cents: number, totalCents: number): number => (totalCents <= 0 ? 0 : (cents / totalCents) * 100)

/** The amount of an event as it counts: what came back is negative. */
export const signedCents = ({ direction, amountCents }: Pick<FinanceEvent, 'direction' | 'amountCents'>): number =>
  direction === 'credit' ? -amountCents : amountCents
