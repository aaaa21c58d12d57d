/** The price of a model from a day on, in US cents for a million tokens. A cent for a million tokens is a microcent for one. */
export interface Price {
  readonly provider: string
  /** The name of the model, or the beginning of names with `*` at its end. */
  readonly model: string
  /** The first day, in UTC. */
  readonly from: string
  readonly inputCents: number
  /** For input that was read from the cache of the provider. */
  readonly cachedInputCents: number
  readonly outputCents: number
}

/** The day on which this table was last compared with the public lists. */
export const PRICES_AS_OF = '2026-02-15'

const usdPerMillion =
  (provider: string) =>
  (model: string, from: string, [input, cachedInput, output]: readonly [number, number, number]): Price => ({
    provider,
    model,
    from,
    inputCents: cents(input),
    cachedInputCents: cents(cachedInput),
    outputCents: cents(output),
  })

/** Of dollars; a price has at most a thousandth of a cent. */
const cents = (usd: number): number => Math.round(usd * 100_000) / 1000

const anthropic = usdPerMillion('anthropic')
const openai = usdPerMillion('openai')
const google = usdPerMillion('google')

/**
 * The public list prices of models that agents often run, in US dollars for a million tokens: input, input from the cache, output. Names are
 * exact on purpose, because a successor often has another price. A model that is not here has no price until the
 * instance states one (`PAPERCLIP_PRICES_FILE`). Surcharges for long prompts and for writing to a cache are not in it.
 */
export const priceTable: readonly Price[] = [
  anthropic('claude-opus-4-6', '2026-02-05', [5, 0.5, 25]),
  anthropic('claude-opus-4-5', '2025-11-24', [5, 0.5, 25]),
  anthropic('claude-opus-4-1', '2025-08-05', [15, 1.5, 75]),
  anthropic('claude-opus-4', '2025-05-22', [15, 1.5, 75]),
  anthropic('claude-opus-4-0', '2025-05-22', [15, 1.5, 75]),
  anthropic('claude-sonnet-4-5', '2025-09-29', [3, 0.3, 15]),
  anthropic('claude-sonnet-4', '2025-05-22', [3, 0.3, 15]),
  anthropic('claude-sonnet-4-0', '2025-05-22', [3, 0.3, 15]),
  anthropic('claude-3-7-sonnet', '2025-02-24', [3, 0.3, 15]),
  anthropic('claude-haiku-4-5', '2025-10-15', [1, 0.1, 5]),
  anthropic('claude-3-5-haiku', '2024-12-03', [0.8, 0.08, 4]),
  openai('gpt-5.2', '2025-12-11', [1.75, 0.175, 14]),
  openai('gpt-5.2-codex', '2026-01-14', [1.75, 0.175, 14]),
  openai('gpt-5.1', '2025-11-13', [1.25, 0.125, 10]),
  openai('gpt-5.1-codex', '2025-11-13', [1.25, 0.125, 10]),
  openai('gpt-5.1-codex-max', '2025-12-04', [1.25, 0.125, 10]),
  openai('gpt-5.1-codex-mini', '2025-11-13', [0.25, 0.025, 2]),
  openai('gpt-5', '2025-08-07', [1.25, 0.125, 10]),
  openai('gpt-5-codex', '2025-09-23', [1.25, 0.125, 10]),
  openai('gpt-5-mini', '2025-08-07', [0.25, 0.025, 2]),
  openai('gpt-5-nano', '2025-08-07', [0.05, 0.005, 0.4]),
  openai('gpt-4.1', '2025-04-14', [2, 0.5, 8]),
  openai('gpt-4.1-mini', '2025-04-14', [0.4, 0.1, 1.6]),
  openai('gpt-4o', '2024-10-02', [2.5, 1.25, 10]),
  openai('gpt-4o-mini', '2024-10-02', [0.15, 0.075, 0.6]),
  openai('o3', '2025-04-16', [10, 2.5, 40]),
  openai('o3', '2025-06-10', [2, 0.5, 8]),
  openai('o4-mini', '2025-04-16', [1.1, 0.275, 4.4]),
  google('gemini-3-pro-preview', '2025-11-18', [2, 0.2, 12]),
  google('gemini-3-flash-preview', '2025-12-17', [0.5, 0.05, 3]),
  google('gemini-2.5-pro', '2025-06-17', [1.25, 0.125, 10]),
  google('gemini-2.5-flash', '2025-06-17', [0.3, 0.03, 2.5]),
  google('gemini-2.5-flash-lite', '2025-07-22', [0.1, 0.01, 0.4]),
]
