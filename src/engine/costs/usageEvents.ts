// The cost events that the usage of a run becomes. Pure functions.

import { isSubscription, MAX_EVENT_CENTS, MICROCENTS } from '../../model/money.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import type { CostInput } from './costInput.ts'
import { costAt, priceOf } from './prices.ts'
import type { Prices, TokenCounts } from './prices.ts'
import { runUsageIn } from './usage.ts'
import type { RunUsage, UsagePart } from './usage.ts'

/** The beginning of the names of these events. A request may not use it, or it could take the place of an event to come. */
export const USAGE_PREFIX = 'usage:'

/** The name of the event of usage that arrives after the end of its run. */
export const lateUsageName = (runId: string): string => `${USAGE_PREFIX}${runId}:exit`

/** A run whose usage is counted. */
export interface UsageRun {
  readonly runId: string
  readonly agentId: string
  readonly adapterType: string
  readonly issueId: string | null
  readonly projectId: string | null
  readonly goalId: string | null
  readonly billingCode: string | null
  /** The time of its end: the time of its events, and of their prices. */
  readonly endedAt: Instant
}

/** The amounts that are counted for a run already. */
export interface CountedForRun extends TokenCounts {
  /** Of the class of billing of the usage: an amount of the other class takes nothing away. */
  readonly microcents: { readonly subscription: number; readonly other: number }
}

export const NOTHING_COUNTED: CountedForRun = {
  inputTokens: 0,
  cachedInputTokens: 0,
  outputTokens: 0,
  microcents: { subscription: 0, other: 0 },
}

/** The provider that each program calls, unless its usage names another. The others call any. */
const providerOfAdapter: Readonly<Record<string, string>> = { claude_local: 'anthropic', codex_local: 'openai', gemini_local: 'google' }

/** Parties that sell the models of others. They are the biller; the rest of a name such as `openrouter/openai/gpt-5` is of the provider. */
const resellers: ReadonlySet<string> = new Set([
  'openrouter',
  'github-copilot',
  'amazon-bedrock',
  'azure',
  'google-vertex',
  'vercel',
  'cursor',
])

const families: readonly (readonly [RegExp, string])[] = [
  [/^claude/i, 'anthropic'],
  [/^(?:gpt-|chatgpt|codex|o[134](?:-|$))/i, 'openai'],
  [/^gemini/i, 'google'],
]

const providerOfModel = (model: string): string | null => families.find(([pattern]) => pattern.test(model))?.[1] ?? null

const UNKNOWN = 'unknown'

interface Parties {
  readonly provider: string
  readonly biller: string
  readonly model: string
}

/** The maker of the model, the party that is paid for it, and its name. */
function partiesOf(part: UsagePart, adapterType: string): Parties {
  const [first = '', ...rest] = (part.model ?? UNKNOWN).split('/')
  const stated = part.provider?.toLowerCase() ?? (rest.length > 0 ? first.toLowerCase() : providerOfAdapter[adapterType])
  const names = rest.length > 0 && first.toLowerCase() === stated ? rest : [first, ...rest]
  const biller = stated ?? (adapterType === 'cursor' ? 'cursor' : undefined)
  if (biller === undefined || !resellers.has(biller)) {
    const model = names.join('/')
    const provider = stated ?? providerOfModel(model) ?? UNKNOWN
    return { provider, biller: provider, model }
  }
  const model = names.length > 1 ? names.slice(1).join('/') : names.join('/')
  const maker = names.length > 1 ? names[0]?.toLowerCase() : providerOfModel(model)
  return { provider: maker ?? UNKNOWN, biller, model }
}

const MAX_MICROCENTS = MAX_EVENT_CENTS * MICROCENTS

/** The whole cost of a part, in microcents; null where nothing is known about it. */
function costOf(part: UsagePart, { provider, model }: Parties, run: UsageRun, prices: Prices): number | null {
  if (part.costUsd !== null) return Math.min(Math.round(part.costUsd * 100 * MICROCENTS), MAX_MICROCENTS)
  const price = priceOf(provider, model, run.endedAt, prices)
  return price === null ? null : Math.min(costAt(price, part), MAX_MICROCENTS)
}

/** The counted amounts are taken from one part after another, and never make an amount negative. */
function createRest(counted: CountedForRun, { billingType }: RunUsage) {
  const left = {
    inputTokens: counted.inputTokens,
    cachedInputTokens: counted.cachedInputTokens,
    outputTokens: counted.outputTokens,
    microcents: isSubscription(billingType) ? counted.microcents.subscription : counted.microcents.other,
  }
  return (name: keyof typeof left, amount: number): number => {
    const taken = Math.min(Math.max(left[name], 0), amount)
    left[name] -= taken
    return amount - taken
  }
}

/** The totals of a session without those of the runs before. A program whose totals are lower than before has begun to count anew. */
function sinceBefore(usage: RunUsage, before: RunUsage | null): RunUsage {
  const [part] = usage.parts
  const [base] = before?.parts ?? []
  if (usage.ofSession === null || before?.ofSession !== usage.ofSession || part === undefined || base === undefined) return usage
  const isLower =
    part.inputTokens < base.inputTokens || part.cachedInputTokens < base.cachedInputTokens || part.outputTokens < base.outputTokens
  if (isLower) return usage
  const rest = {
    ...part,
    inputTokens: part.inputTokens - base.inputTokens,
    cachedInputTokens: part.cachedInputTokens - base.cachedInputTokens,
    outputTokens: part.outputTokens - base.outputTokens,
  }
  return { ...usage, parts: [rest] }
}

/** The usage of a run, and what is known beside it. */
export interface ReportedUsage {
  readonly usageJson: unknown
  /** The usage of the run before, where both are totals of one session. */
  readonly before: unknown
  /** The usage arrived after another party had ended the run. It is counted beside what the end counted. */
  readonly isLate: boolean
}

/**
 * Makes the cost events of a run from its usage: its tokens, and what the program reported as their cost, or else their price. The
 * amounts that are counted for the run already, its agent's own reports above all, are subtracted and never added back, so that nothing
 * is counted twice and a report of 0 gains nothing. Without a price the tokens are counted at an unknown cost.
 *
 * Each event has a name made of the run, so that a second end of it counts nothing.
 */
export function usageEvents(run: UsageRun, reported: ReportedUsage, counted: CountedForRun, prices: Prices): CostInput[] {
  const read = runUsageIn(reported.usageJson)
  if (read === null) return []
  const usage = sinceBefore(read, runUsageIn(reported.before))
  const rest = createRest(counted, usage)
  const name = reported.isLate ? lateUsageName(run.runId) : `${USAGE_PREFIX}${run.runId}`
  const events = usage.parts.map((part, at): CostInput => {
    const parties = partiesOf(part, run.adapterType)
    const cost = isSubscription(usage.billingType) ? 0 : costOf(part, parties, run, prices)
    const { runId, agentId, issueId, projectId, goalId, billingCode } = run
    return {
      agentId,
      runId,
      issueId,
      projectId,
      goalId,
      billingCode,
      ...parties,
      billingType: usage.billingType,
      inputTokens: rest('inputTokens', part.inputTokens),
      cachedInputTokens: rest('cachedInputTokens', part.cachedInputTokens),
      outputTokens: rest('outputTokens', part.outputTokens),
      microcents: cost === null ? 0 : rest('microcents', cost),
      isPriced: cost !== null,
      source: 'run_usage',
      externalId: at === 0 ? name : `${name}:${at + 1}`,
      correctsId: null,
      occurredAt: run.endedAt,
    }
  })
  // An agent that reported all its tokens as free does not hide that their cost is unknown.
  const isUnpaid = counted.microcents.other <= 0 && !reported.isLate
  return events.filter((event) => amountsOf(event) > 0 || (!event.isPriced && isUnpaid))
}

const amountsOf = (event: CostInput): number => event.inputTokens + event.cachedInputTokens + event.outputTokens + event.microcents
