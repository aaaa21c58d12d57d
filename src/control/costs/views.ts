import { z } from 'zod'
import { billingTypes, costSources, financeDirections, financeEventKinds } from '../../model/money.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { instant, sentInstant, sentInstantOrDay } from '../../platform/kernel/time.ts'

const count = z.int().min(0)
/** Whole cents. Below zero where corrections are more than what they correct. */
const cents = z.int()
const id = z.uuid().transform((value) => value.toLowerCase())
const label = z.string().trim().min(1).max(200)

const tokens = { inputTokens: count, cachedInputTokens: count, outputTokens: count }

/** The fields that every sum of costs has. */
const sums = { costCents: cents, ...tokens, unpricedEventCount: count }

const sumsByBilling = {
  ...sums,
  apiRunCount: count,
  subscriptionRunCount: count,
  subscriptionInputTokens: count,
  subscriptionCachedInputTokens: count,
  subscriptionOutputTokens: count,
}

const billing = { provider: z.string(), biller: z.string(), billingType: z.enum(billingTypes), model: z.string() }

export const costEventView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  agentId: z.uuid(),
  issueId: z.uuid().nullable(),
  projectId: z.uuid().nullable(),
  goalId: z.uuid().nullable(),
  heartbeatRunId: z.uuid().nullable(),
  billingCode: z.string().nullable(),
  ...billing,
  ...tokens,
  costCents: cents,
  costMicrocents: z.int(),
  isPriced: z.boolean(),
  source: z.enum(costSources),
  externalId: z.string().nullable(),
  correctsId: z.uuid().nullable(),
  occurredAt: instant,
  createdAt: instant,
})

export const costSummaryView = z.strictObject({
  companyId: z.uuid(),
  spendCents: cents,
  budgetCents: count,
  utilizationPercent: z.number(),
  unpricedEventCount: count,
})

export const costByAgentView = z.strictObject({
  agentId: z.uuid(),
  agentName: z.string().nullable(),
  agentStatus: z.string().nullable(),
  ...sumsByBilling,
})

export const costByAgentModelView = z.strictObject({ agentId: z.uuid(), agentName: z.string().nullable(), ...billing, ...sums })

export const costByProviderView = z.strictObject({ ...billing, ...sumsByBilling })

export const costByBillerView = z.strictObject({ biller: z.string(), ...sumsByBilling, providerCount: count, modelCount: count })

export const costByProjectView = z.strictObject({ projectId: z.uuid().nullable(), projectName: z.string().nullable(), ...sums })

const spendWindows = ['5h', '24h', '7d'] as const

export const windowSpendView = z.strictObject({
  provider: z.string(),
  biller: z.string(),
  window: z.enum(spendWindows),
  windowHours: count,
  ...sums,
})

export const quotaWindowsView = z.strictObject({
  provider: z.string(),
  ok: z.boolean(),
  error: z.string().optional(),
  windows: z.array(z.record(z.string(), z.unknown())),
})

const currency = z
  .string()
  .regex(/^[A-Za-z]{3}$/)
  .transform((value) => value.toUpperCase())

export const financeEventView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  agentId: z.uuid().nullable(),
  issueId: z.uuid().nullable(),
  projectId: z.uuid().nullable(),
  goalId: z.uuid().nullable(),
  heartbeatRunId: z.uuid().nullable(),
  costEventId: z.uuid().nullable(),
  billingCode: z.string().nullable(),
  description: z.string().nullable(),
  eventKind: z.enum(financeEventKinds),
  direction: z.enum(financeDirections),
  biller: z.string(),
  provider: z.string().nullable(),
  executionAdapterType: z.string().nullable(),
  pricingTier: z.string().nullable(),
  region: z.string().nullable(),
  model: z.string().nullable(),
  quantity: z.int().nullable(),
  unit: z.string().nullable(),
  amountCents: count,
  currency: z.string(),
  estimated: z.boolean(),
  externalInvoiceId: z.string().nullable(),
  metadataJson: z.record(z.string(), z.unknown()).nullable(),
  occurredAt: instant,
  createdAt: instant,
})

const financeSums = { debitCents: count, creditCents: count, netCents: cents, estimatedDebitCents: count, eventCount: count }

export const financeSummaryView = z.strictObject({
  companyId: z.uuid(),
  currency: z.string(),
  ...financeSums,
  otherCurrencyEventCount: count,
})

export const financeByBillerView = z.strictObject({ biller: z.string(), ...financeSums, kindCount: count })

export const financeByKindView = z.strictObject({ eventKind: z.enum(financeEventKinds), ...financeSums, billerCount: count })

/** The most of one finance event: ten billion of a currency. A thousand of them still fit into a safe integer. */
const MAX_FINANCE_CENTS = 1_000_000_000_000

/** Years in which money of a company can have moved. Anything else is a mistake in the unit or the format of an instant. */
const isSensible = (text: string): boolean => {
  const year = Number(text.slice(0, 4))
  return year >= 2000 && year < 2100
}

export const createFinanceEventBody = z.object({
  eventKind: z.enum(financeEventKinds),
  direction: z.enum(financeDirections).default('debit'),
  biller: label,
  amountCents: z.int().min(0).max(MAX_FINANCE_CENTS),
  currency: currency.default('USD'),
  occurredAt: sentInstant.refine(isSensible, { error: 'Expected an instant of the years 2000 to 2099' }),
  estimated: z.boolean().default(false),
  agentId: id.nullish(),
  issueId: id.nullish(),
  projectId: id.nullish(),
  goalId: id.nullish(),
  heartbeatRunId: id.nullish(),
  costEventId: id.nullish(),
  billingCode: label.nullish(),
  description: z.string().trim().max(2000).nullish(),
  provider: label.nullish(),
  executionAdapterType: label.nullish(),
  pricingTier: label.nullish(),
  region: label.nullish(),
  model: label.nullish(),
  quantity: z.int().min(0).max(Number.MAX_SAFE_INTEGER).nullish(),
  unit: label.nullish(),
  externalInvoiceId: label.nullish(),
  metadataJson: z.record(z.string().max(200), z.unknown()).nullish(),
})
export type CreateFinanceEvent = z.output<typeof createFinanceEventBody>

const range = { from: sentInstantOrDay.optional(), to: sentInstantOrDay.optional() }

interface Range {
  readonly from?: string | undefined
  readonly to?: string | undefined
}

const isOrdered = ({ from, to }: Range): boolean => from === undefined || to === undefined || Date.parse(from) < Date.parse(to)
const notOrdered = { error: 'Expected an instant behind `from`', path: ['to'] }

const format = { format: z.enum(['json', 'csv']).optional() }

export const formatQuery = z.object(format)
export const rangeQuery = z.object(range).refine(isOrdered, notOrdered)
export const sumsQuery = z.object({ ...range, ...format }).refine(isOrdered, notOrdered)
export const costEventsQuery = z.object({ ...range, ...format, ...pageQuery }).refine(isOrdered, notOrdered)

/** `?currency=`: sums of money have one currency. */
const financeRange = { ...range, currency: currency.default('USD') }
export const financeSummaryQuery = z.object(financeRange).refine(isOrdered, notOrdered)
export const financeSumsQuery = z.object({ ...financeRange, ...format }).refine(isOrdered, notOrdered)

/** As in Paperclip's API. */
const financeLimit = z.coerce.number().int().min(1).max(500).default(100)
export const financeEventsQuery = z
  .object({ ...range, ...format, after: pageQuery.after, limit: financeLimit })
  .refine(isOrdered, notOrdered)
