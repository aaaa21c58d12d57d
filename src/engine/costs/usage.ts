// Reads the usage that a run ends with. A program or an agent wrote it: what is not a number or a name is ignored.

import { amountAt, countAt, textAt, valueAt } from '../../adapters/index.ts'
import { billingTypes } from '../../model/money.ts'
import type { BillingType } from '../../model/money.ts'
import type { TokenCounts } from './prices.ts'

/** The usage of one model in a run. */
export interface UsagePart extends TokenCounts {
  readonly provider: string | null
  readonly model: string | null
  /** Null where no cost was reported. Zero for tokens is no cost either: programs write it for models whose price they do not know. */
  readonly costUsd: number | null
}

/** The usage of a run. */
export interface RunUsage {
  readonly billingType: BillingType
  /** One for each model, or one for all. */
  readonly parts: readonly UsagePart[]
  /** The session whose totals these are, where they are not of this run alone. */
  readonly ofSession: string | null
}

/** A run uses a few models; what a report lists beyond is counted in the totals of the last. */
const MAX_PARTS = 10
/** Names become columns and labels of sums. */
const MAX_NAME_LENGTH = 200

/** The first name of several, as agents write them in either case, with a count above zero. */
const countOf = (value: unknown, ...names: readonly string[]): number =>
  names.reduce((found, name) => (found === 0 ? countAt(value, name) : found), 0)

function nameOf(value: unknown, field: string): string | null {
  const text = textAt(value, field)?.trim().slice(0, MAX_NAME_LENGTH) ?? ''
  return text === '' ? null : text
}

const isSpent = (part: UsagePart): boolean => part.inputTokens + part.cachedInputTokens + part.outputTokens > 0 || part.costUsd !== null

function partOf(value: unknown, { provider, model }: Pick<UsagePart, 'provider' | 'model'>): UsagePart {
  const tokens = {
    inputTokens: countOf(value, 'inputTokens', 'input_tokens'),
    cachedInputTokens: countOf(value, 'cachedInputTokens', 'cached_input_tokens'),
    outputTokens: countOf(value, 'outputTokens', 'output_tokens'),
  }
  const cost = amountAt(value, 'costUsd') ?? amountAt(value, 'cost_usd')
  return {
    provider: nameOf(value, 'provider') ?? provider,
    model: nameOf(value, 'model') ?? model,
    ...tokens,
    costUsd: cost === 0 ? null : cost,
  }
}

/** The parts by model, where the report has them and no total would be lost with them: a cost of the whole belongs to no model. */
function partsOf(usage: unknown): readonly UsagePart[] {
  const whole = partOf(usage, { provider: null, model: null })
  const models = valueAt(usage, 'models')
  if (!Array.isArray(models) || models.length === 0 || models.length > MAX_PARTS) return [whole]
  const parts = models.map((each: unknown) => partOf(each, whole)).filter(isSpent)
  const isComplete = whole.costUsd === null || parts.every((part) => part.costUsd !== null)
  return isComplete && parts.length > 0 ? parts : [whole]
}

function billingTypeOf(usage: unknown): BillingType {
  const text = textAt(usage, 'billingType') ?? textAt(usage, 'billing_type')
  return billingTypes.find((known) => known === text) ?? 'unknown'
}

/**
 * The usage in the `usageJson` of a run, with names as `http` agents may write them: `inputTokens` or `input_tokens`.
 * Counts and amounts are limited as in `adapters/json.ts`.
 * @returns null where nothing was spent
 */
export function runUsageIn(usageJson: unknown): RunUsage | null {
  const parts = partsOf(usageJson).filter(isSpent)
  if (parts.length === 0) return null
  return { billingType: billingTypeOf(usageJson), parts, ofSession: textAt(usageJson, 'ofSession') }
}
