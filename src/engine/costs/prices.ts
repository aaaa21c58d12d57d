// The prices of models: the table of this program, and before it the file of the instance.

import { z } from 'zod'
import type { Instant } from '../../platform/kernel/time.ts'
import { priceTable, PRICES_AS_OF } from './priceTable.ts'
import type { Price } from './priceTable.ts'

/** The prices in force. */
export interface Prices {
  /** Those of the instance's file. */
  readonly own: readonly Price[]
  /** The day that the file states for itself; null where there is no file, or it states none. */
  readonly ownAsOf: string | null
  readonly builtIn: readonly Price[]
  readonly builtInAsOf: string
}

/** More than any list of models has; the file is read at every start and searched for every run. */
const MAX_PRICES = 2000
/** 10,000 dollars for a million tokens, a hundred times the highest price. With it the cost of any count is an exact integer of microcents. */
const MAX_CENTS = 1_000_000

const name = z.string().trim().min(1).max(200).toLowerCase()
const cents = z.number().min(0).max(MAX_CENTS)
const day = z.iso.date()

const priceEntry = z.strictObject({
  provider: name,
  model: name.refine((text) => !text.slice(0, -1).includes('*'), 'a * stands at the end of a name only'),
  from: day,
  inputCents: cents,
  cachedInputCents: cents.optional(),
  outputCents: cents,
})

/** The file of the instance: `{"asOf": "2026-11-01", "prices": […]}`. Without a price of its own, cached input costs as much as other input. */
export const pricesFile = z.strictObject({
  asOf: day.optional(),
  prices: z
    .array(priceEntry.transform((entry): Price => ({ ...entry, cachedInputCents: entry.cachedInputCents ?? entry.inputCents })))
    .max(MAX_PRICES),
})

/** The prices with those of a file of the instance; without it, those of the program alone. */
export const pricesWith = (file: z.output<typeof pricesFile> | null): Prices => ({
  own: file?.prices ?? [],
  ownAsOf: file?.asOf ?? null,
  builtIn: priceTable,
  builtInAsOf: PRICES_AS_OF,
})

// One process has one table: it is set before the port is opened and before the first run ends.
let inForce: Prices = pricesWith(null)

export const pricesInForce = (): Prices => inForce

/** Sets the prices of this process. */
export function setPrices(prices: Prices): void {
  inForce = prices
}

/** The name without the day of its release (`-20250929`, `-2025-08-07`, `-latest`) and without a size of the context (`[1m]`). */
const withoutDate = (model: string): string => model.replace(/\[\w+\]$/, '').replace(/-(?:latest|\d{8}|\d{4}-\d{2}-\d{2})$/, '')

const isPrefix = ({ model }: Price): boolean => model.endsWith('*')

const matches = (price: Price, model: string): boolean =>
  isPrefix(price) ? model.startsWith(price.model.slice(0, -1)) : price.model === model || price.model === withoutDate(model)

/** Whether a price states more exactly than another which model it is of, or the same and is newer. */
const precedes = (one: Price, other: Price): boolean => {
  if (isPrefix(one) !== isPrefix(other)) return isPrefix(other)
  return one.model.length === other.model.length ? one.from > other.from : one.model.length > other.model.length
}

function bestOf(list: readonly Price[], provider: string, model: string, onDay: string): Price | null {
  let best: Price | null = null
  for (const price of list) {
    if (price.provider !== provider || price.from > onDay || !matches(price, model)) continue
    if (best === null || precedes(price, best)) best = price
  }
  return best
}

/**
 * The price of a model at a time: of the entries that are not later, an exact name goes before a prefix, a longer name before a
 * shorter one, and then the newest entry counts. An entry of the instance goes before every one of the program.
 * @returns null for a model without a price, whose cost is unknown
 */
export function priceOf(provider: string, model: string, occurredAt: Instant, prices: Prices = inForce): Price | null {
  const key = [provider.toLowerCase(), model.toLowerCase(), occurredAt.slice(0, 10)] as const
  return bestOf(prices.own, ...key) ?? bestOf(prices.builtIn, ...key)
}

/** Counts of tokens. */
export interface TokenCounts {
  /** Without those that were read from the cache. */
  readonly inputTokens: number
  readonly cachedInputTokens: number
  readonly outputTokens: number
}

/** The cost of tokens at a price, in whole microcents. */
export const costAt = (price: Price, { inputTokens, cachedInputTokens, outputTokens }: TokenCounts): number =>
  Math.round(inputTokens * price.inputCents + cachedInputTokens * price.cachedInputCents + outputTokens * price.outputCents)
