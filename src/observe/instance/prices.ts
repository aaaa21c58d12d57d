import { z } from 'zod'
import type { Prices } from '../../engine/costs/index.ts'

const sources = ['instance', 'built_in'] as const

const priceView = z.strictObject({
  provider: z.string(),
  model: z.string(),
  from: z.iso.date(),
  inputCents: z.number(),
  cachedInputCents: z.number(),
  outputCents: z.number(),
  source: z.enum(sources),
})

/** The prices in force: those of the instance first, because they go before those of the program. */
export const pricesView = z.strictObject({
  instanceAsOf: z.iso.date().nullable(),
  builtInAsOf: z.iso.date(),
  prices: z.array(priceView),
})

/** The prices as the API shows them. Both lists are limited where they are read. */
export const presentPrices = ({ own, ownAsOf, builtIn, builtInAsOf }: Prices): z.input<typeof pricesView> => ({
  instanceAsOf: ownAsOf,
  builtInAsOf,
  prices: [
    ...own.map((price) => ({ ...price, source: 'instance' as const })),
    ...builtIn.map((price) => ({ ...price, source: 'built_in' as const })),
  ],
})
