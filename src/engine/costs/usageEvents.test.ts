import { describe, expect, test } from 'vitest'
import { NOTHING_COUNTED, usageEvents } from './usageEvents.ts'
import type { CountedForRun, UsageRun } from './usageEvents.ts'
import { pricesFile, pricesWith } from './prices.ts'

const run: UsageRun = {
  runId: '11111111-1111-4111-8111-111111111111',
  agentId: '22222222-2222-4222-8222-222222222222',
  adapterType: 'claude_local',
  issueId: '33333333-3333-4333-8333-333333333333',
  projectId: null,
  goalId: null,
  billingCode: 'research',
  endedAt: '2026-02-01T12:00:00.000Z',
}
const prices = pricesWith(
  pricesFile.parse({
    prices: [
      { provider: 'anthropic', model: 'model-a', from: '2026-01-01', inputCents: 300, cachedInputCents: 30, outputCents: 1500 },
      { provider: 'openai', model: 'model-b', from: '2026-01-01', inputCents: 100, cachedInputCents: 10, outputCents: 200 },
    ],
  }),
)
interface Given {
  readonly usage: unknown
  readonly before?: unknown
  readonly isLate?: boolean
  readonly counted?: Partial<CountedForRun>
  readonly adapterType?: string
}
const eventsOf = ({ usage, before = null, isLate = false, counted = {}, adapterType = 'claude_local' }: Given) =>
  usageEvents({ ...run, adapterType }, { usageJson: usage, before, isLate }, { ...NOTHING_COUNTED, ...counted }, prices)
const tokens = { inputTokens: 1000, cachedInputTokens: 200, outputTokens: 50 }
/** 1000 × 300 + 200 × 30 + 50 × 1500 */
const COST = 381_000

describe('The cost events of the usage of a run', () => {
  test('Tokens of a model with a price cost that price, and the event names the run, its issue and its end', () => {
    expect(eventsOf({ usage: { ...tokens, costUsd: null, model: 'model-a' } })).toEqual([
      {
        agentId: run.agentId,
        runId: run.runId,
        issueId: run.issueId,
        projectId: null,
        goalId: null,
        billingCode: 'research',
        provider: 'anthropic',
        biller: 'anthropic',
        model: 'model-a',
        billingType: 'unknown',
        ...tokens,
        microcents: COST,
        isPriced: true,
        source: 'run_usage',
        externalId: `usage:${run.runId}`,
        correctsId: null,
        occurredAt: run.endedAt,
      },
    ])
  })

  test('A cost that the program reports goes before the price, to the millionth of a cent', () => {
    expect(eventsOf({ usage: { ...tokens, costUsd: 0.012345678, model: 'model-a' } })[0]?.microcents).toBe(1_234_568)
  })

  test('A cost of 0 for tokens is not believed: the price counts, and without one the cost is unknown', () => {
    expect(eventsOf({ usage: { ...tokens, costUsd: 0, model: 'model-a' } })).toMatchObject([{ microcents: COST, isPriced: true }])
    expect(eventsOf({ usage: { ...tokens, costUsd: 0, model: 'model-x' } })).toMatchObject([{ microcents: 0, isPriced: false, ...tokens }])
  })

  test('Tokens of a subscription are counted at no cost, whatever the program computed', () => {
    const usage = { ...tokens, costUsd: 3, model: 'model-a', billingType: 'subscription_included' }
    expect(eventsOf({ usage })).toMatchObject([{ ...tokens, microcents: 0, isPriced: true, billingType: 'subscription_included' }])
  })

  test.each([
    null,
    {},
    [],
    'x',
    7,
    { inputTokens: '5' },
    { inputTokens: -5, costUsd: -1 },
    { inputTokens: 0, outputTokens: 0, costUsd: 0 },
  ])('The usage %j becomes no event', (usage) => {
    expect(eventsOf({ usage })).toEqual([])
  })

  test('Names in either case are read, and absurd numbers are limited', () => {
    expect(eventsOf({ usage: { input_tokens: 1000, cached_input_tokens: 200, output_tokens: 50, model: 'model-a' } })).toMatchObject([
      { ...tokens, microcents: COST },
    ])
    const absurd = { inputTokens: 1e300, cachedInputTokens: Number.NaN, outputTokens: Number.POSITIVE_INFINITY, model: 'm'.repeat(5000) }
    expect(eventsOf({ usage: absurd })).toMatchObject([{ inputTokens: 2_147_483_647, cachedInputTokens: 0, model: 'm'.repeat(200) }])
    expect(eventsOf({ usage: { inputTokens: 1, costUsd: 2e9 } })).toMatchObject([{ microcents: 10_000_000_000_000 }])
    expect(eventsOf({ usage: { inputTokens: 1, costUsd: 1e300, model: 'model-a' } })).toMatchObject([{ microcents: 300 }])
  })
})

describe('The reports of an agent while it ran', () => {
  test('Their amounts are subtracted, and never below 0', () => {
    const usage = { ...tokens, model: 'model-a' }
    const counted = { inputTokens: 400, cachedInputTokens: 900, outputTokens: 50, microcents: { subscription: 0, other: 80_000 } }
    expect(eventsOf({ usage, counted })).toMatchObject([
      { inputTokens: 600, cachedInputTokens: 0, outputTokens: 0, microcents: COST - 80_000 },
    ])
    const all = { ...tokens, microcents: { subscription: 0, other: COST + 1 } }
    expect(eventsOf({ usage, counted: all })).toEqual([])
  })

  test('An agent that reported all its tokens at a cost of 0 still pays their price', () => {
    const usage = { ...tokens, model: 'model-a' }
    expect(eventsOf({ usage, counted: tokens })).toMatchObject([{ inputTokens: 0, microcents: COST }])
  })

  test('An amount that an agent reported as of a subscription takes nothing from what it pays', () => {
    const counted = { microcents: { subscription: 10 * COST, other: 0 } }
    expect(eventsOf({ usage: { ...tokens, model: 'model-a' }, counted })).toMatchObject([{ microcents: COST }])
  })

  test('Tokens that an agent reported as free are still said to be of unknown cost where no price is known', () => {
    expect(eventsOf({ usage: { ...tokens, model: 'model-x' }, counted: tokens })).toMatchObject([{ inputTokens: 0, isPriced: false }])
    const paid = { ...tokens, microcents: { subscription: 0, other: 5 } }
    expect(eventsOf({ usage: { ...tokens, model: 'model-x' }, counted: paid })).toEqual([])
  })

  test('A correction below 0 does not add to the usage', () => {
    const counted = { microcents: { subscription: 0, other: -5000 } }
    expect(eventsOf({ usage: { ...tokens, model: 'model-a' }, counted })[0]?.microcents).toBe(COST)
  })
})

describe('Usage that arrives after the end', () => {
  test('It has a name of its own and counts only what exceeds all that is counted', () => {
    const usage = { ...tokens, model: 'model-a' }
    const counted = { inputTokens: 1, cachedInputTokens: 0, outputTokens: 0, microcents: { subscription: 0, other: 300 } }
    expect(eventsOf({ usage, isLate: true, counted })).toMatchObject([
      { externalId: `usage:${run.runId}:exit`, inputTokens: 999, microcents: COST - 300 },
    ])
    expect(eventsOf({ usage: { ...tokens, model: 'model-x' }, isLate: true, counted: tokens })).toEqual([])
  })
})

describe('The models of a run', () => {
  const parts = [
    { model: 'model-a', ...tokens, costUsd: 0.5 },
    { model: 'model-x', inputTokens: 1, cachedInputTokens: 0, outputTokens: 0, costUsd: 0.25 },
  ]

  test('Each has an event of its own, and what the agent reported is subtracted once', () => {
    const usage = { inputTokens: 1001, cachedInputTokens: 200, outputTokens: 50, costUsd: 0.75, model: 'model-a', models: parts }
    const counted = { microcents: { subscription: 0, other: 60_000_000 } }
    expect(eventsOf({ usage, counted })).toMatchObject([
      { model: 'model-a', microcents: 0, externalId: `usage:${run.runId}` },
      { model: 'model-x', microcents: 15_000_000, externalId: `usage:${run.runId}:2` },
    ])
  })

  test('A cost of the whole that the models do not have is not lost', () => {
    const models = parts.map(({ costUsd: _, ...part }) => part)
    expect(eventsOf({ usage: { ...tokens, costUsd: 0.75, model: 'model-a', models } })).toMatchObject([{ microcents: 75_000_000 }])
    expect(eventsOf({ usage: { ...tokens, model: 'model-a', models: Array.from({ length: 11 }, () => parts[0]) } })).toHaveLength(1)
  })

  test.each([
    ['codex_local', { model: 'model-b' }, { provider: 'openai', biller: 'openai', model: 'model-b', isPriced: true }],
    ['codex_local', {}, { provider: 'openai', biller: 'openai', model: 'unknown', isPriced: false }],
    ['opencode_local', { model: 'openai/model-b' }, { provider: 'openai', biller: 'openai', model: 'model-b', isPriced: true }],
    [
      'opencode_local',
      { model: 'openrouter/openai/model-b' },
      { provider: 'openai', biller: 'openrouter', model: 'model-b', isPriced: true },
    ],
    ['pi_local', { model: 'model-b', provider: 'OpenAI' }, { provider: 'openai', biller: 'openai', model: 'model-b', isPriced: true }],
    ['cursor', { model: 'claude-x' }, { provider: 'anthropic', biller: 'cursor', model: 'claude-x', isPriced: false }],
    ['cursor', { model: 'composer' }, { provider: 'unknown', biller: 'cursor', model: 'composer', isPriced: false }],
    ['http', { model: 'gemini-x' }, { provider: 'google', biller: 'google', model: 'gemini-x', isPriced: false }],
    ['http', {}, { provider: 'unknown', biller: 'unknown', model: 'unknown', isPriced: false }],
    ['http', { model: 'a/b/c', provider: 'a' }, { provider: 'a', biller: 'a', model: 'b/c', isPriced: false }],
  ])('An agent of the type %s that reports %j is billed as %j', (adapterType, names, expected) => {
    expect(eventsOf({ usage: { ...tokens, ...names }, adapterType })).toMatchObject([expected])
  })
})

describe('Totals of a session', () => {
  const before = { inputTokens: 700, cachedInputTokens: 150, outputTokens: 20, ofSession: 's-1', model: 'model-b' }
  const usage = { ...tokens, ofSession: 's-1', model: 'model-b' }
  const ofCodex = (given: Given) => eventsOf({ ...given, adapterType: 'codex_local' })

  test('The totals of the run before are not counted again', () => {
    expect(ofCodex({ usage, before })).toMatchObject([
      { inputTokens: 300, cachedInputTokens: 50, outputTokens: 30, microcents: 300 * 100 + 50 * 10 + 30 * 200 },
    ])
    expect(ofCodex({ usage: before, before })).toEqual([])
  })

  test.each([
    ['another session', { ...before, ofSession: 's-2' }],
    ['no session', { ...before, ofSession: undefined }],
    ['higher totals, after which the program began anew', { ...before, outputTokens: 51 }],
    ['no usage', null],
  ])('A run before it of %s takes nothing away', (_, other) => {
    expect(ofCodex({ usage, before: other })).toMatchObject([tokens])
  })
})
