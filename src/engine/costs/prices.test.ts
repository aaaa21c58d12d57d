import { describe, expect, test } from 'vitest'
import { costAt, priceOf, pricesFile, pricesWith } from './prices.ts'
import { PRICES_AS_OF, priceTable } from './priceTable.ts'

const builtIn = pricesWith(null)
const entry = { provider: 'openai', model: 'gpt-5', from: '2026-01-01', inputCents: 100, cachedInputCents: 10, outputCents: 500 }
const own = (...prices: object[]) => pricesWith(pricesFile.parse({ prices }))

describe('The price of a model', () => {
  test('The newest entry that is not later than the event counts, from the first moment of its day in UTC', () => {
    expect(priceOf('openai', 'o3', '2025-04-15T23:59:59.999Z', builtIn)).toBeNull()
    expect(priceOf('openai', 'o3', '2025-04-16T00:00:00.000Z', builtIn)).toMatchObject({ inputCents: 1000, outputCents: 4000 })
    expect(priceOf('openai', 'o3', '2025-06-09T23:59:59.999Z', builtIn)).toMatchObject({ inputCents: 1000 })
    expect(priceOf('openai', 'o3', '2025-06-10T00:00:00.000Z', builtIn)).toMatchObject({ inputCents: 200 })
  })

  test.each([
    ['anthropic', 'claude-sonnet-4-5-20250929'],
    ['anthropic', 'claude-sonnet-4-5-20250929[1m]'],
    ['Anthropic', 'Claude-Sonnet-4-5'],
    ['openai', 'gpt-5-2025-08-07'],
  ])('The model %s %s has a price, whatever its release', (provider, model) => {
    expect(priceOf(provider, model, '2026-02-01T00:00:00.000Z', builtIn)).not.toBeNull()
  })

  test.each([
    ['anthropic', 'claude-sonnet-4-9'],
    ['openai', 'gpt-5-next'],
    ['azure', 'gpt-5'],
    ['unknown', 'unknown'],
  ])('The model %s %s has none, although another has a similar name', (provider, model) => {
    expect(priceOf(provider, model, '2026-02-01T00:00:00.000Z', builtIn)).toBeNull()
  })

  test('An entry of the instance goes before the program from its day on, an exact name before a prefix, and the longer prefix first', () => {
    const prices = own(
      { ...entry, inputCents: 7 },
      { ...entry, model: 'gpt-5*', inputCents: 8 },
      { ...entry, model: 'gpt-5-m*', inputCents: 9 },
      { ...entry, provider: 'own', model: '*', inputCents: 1 },
    )
    const inputAt = (model: string, at = '2026-02-01T00:00:00.000Z') => priceOf('openai', model, at, prices)?.inputCents
    expect([inputAt('gpt-5'), inputAt('gpt-5-nano'), inputAt('gpt-5-mini')]).toEqual([7, 8, 9])
    expect(inputAt('gpt-5', '2025-12-31T00:00:00.000Z')).toBe(125)
    expect(priceOf('own', 'anything', '2026-02-01T00:00:00.000Z', prices)?.inputCents).toBe(1)
  })

  test('A cent for a million tokens is a microcent for one, and cached input has its own price', () => {
    expect(costAt(entry, { inputTokens: 1_000_000, cachedInputTokens: 0, outputTokens: 0 })).toBe(100_000_000)
    expect(costAt({ ...entry, cachedInputCents: 2.5 }, { inputTokens: 1, cachedInputTokens: 3, outputTokens: 2 })).toBe(1108)
  })

  test('The cost of the largest counts at the largest price is an exact integer', () => {
    const most = pricesFile.parse({ prices: [{ ...entry, inputCents: 1e6, cachedInputCents: 1e6, outputCents: 1e6 }] }).prices[0]
    const tokens = 2_147_483_647
    const cost = most === undefined ? 0 : costAt(most, { inputTokens: tokens, cachedInputTokens: tokens, outputTokens: tokens })
    expect(cost).toBe(3 * tokens * 1e6)
    expect(Number.isSafeInteger(cost)).toBe(true)
  })
})

describe('The table of the program', () => {
  test('Each entry is valid as an entry of a file, is not newer than the table, and stands once', () => {
    expect(pricesFile.parse({ asOf: PRICES_AS_OF, prices: priceTable }).prices).toEqual(priceTable)
    expect(priceTable.filter((price) => price.from > PRICES_AS_OF)).toEqual([])
    expect(new Set(priceTable.map(({ provider, model, from }) => `${provider} ${model} ${from}`)).size).toBe(priceTable.length)
  })

  test('No cached input costs more than other input, and no output less', () => {
    const odd = priceTable.filter((price) => price.cachedInputCents > price.inputCents || price.outputCents < price.inputCents)
    expect(odd).toEqual([])
  })
})

describe('The file of an instance', () => {
  test('Cached input without a price of its own costs as much as other input', () => {
    const { cachedInputCents: _, ...short } = entry
    expect(pricesFile.parse({ prices: [short] }).prices).toEqual([{ ...entry, cachedInputCents: 100 }])
  })

  test.each([
    [{ prices: [{ ...entry, inputCents: -1 }] }],
    [{ prices: [{ ...entry, outputCents: 1e9 }] }],
    [{ prices: [{ ...entry, outputCents: '500' }] }],
    [{ prices: [{ ...entry, from: '2026-02-30' }] }],
    [{ prices: [{ ...entry, model: 'a*b' }] }],
    [{ prices: [{ ...entry, input: 5 }] }],
    [{ prices: Array.from({ length: 2001 }, () => entry) }],
    [{}],
    [[entry]],
  ])('The file %j is refused', (file) => {
    expect(pricesFile.safeParse(file).success).toBe(false)
  })
})
