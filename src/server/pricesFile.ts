// The prices of models of this instance, in a file that `PAPERCLIP_PRICES_FILE` names.

import { readFileSync, statSync } from 'node:fs'
// Not through the index, which would load every adapter before the configuration is read.
import { pricesFile, pricesWith } from '../engine/costs/prices.ts'
import type { Prices } from '../engine/costs/prices.ts'

/** Ten times the longest list that the file may have. */
const MAX_BYTES = 4 * 1024 * 1024
/** A file with one mistake in each entry would fill the screen. */
const MAX_PROBLEMS = 5

export type PricesResult = { readonly prices: Prices } | { readonly problems: readonly string[] }

const refuse = (sentence: string): PricesResult => ({ problems: [`PAPERCLIP_PRICES_FILE: ${sentence}`] })

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * Reads the prices of the instance. They go before those of this program.
 * @param file undefined for those of this program alone
 * @returns the prices, or a line per problem
 */
export function readPrices(file: string | undefined): PricesResult {
  if (file === undefined) return { prices: pricesWith(null) }
  try {
    const { size } = statSync(file)
    if (size > MAX_BYTES) return refuse(`the file has more than ${MAX_BYTES / 1024 / 1024} MiB`)
    const json = parsed(readFileSync(file, 'utf8'))
    if (json === undefined) return refuse('the file is not JSON')
    const { data, error } = pricesFile.safeParse(json)
    if (data !== undefined) return { prices: pricesWith(data) }
    const problems = (error?.issues ?? []).map(
      ({ path, message }) => `PAPERCLIP_PRICES_FILE: ${path.length === 0 ? message : `${path.join('.')}: ${message}`}`,
    )
    const more = problems.length - MAX_PROBLEMS
    return { problems: [...problems.slice(0, MAX_PROBLEMS), ...(more > 0 ? [`PAPERCLIP_PRICES_FILE: ${more} more problems`] : [])] }
  } catch (error) {
    return refuse(`the file cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`)
  }
}
