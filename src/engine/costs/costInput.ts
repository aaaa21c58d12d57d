import type { BillingType, CostSource } from '../../model/money.ts'
import type { Instant } from '../../platform/kernel/time.ts'

/** An event of spending, as it is recorded. `recordCosts` adds the id, the company and the time of the record. */
export interface CostInput {
  readonly agentId: string
  readonly runId: string | null
  readonly issueId: string | null
  readonly projectId: string | null
  readonly goalId: string | null
  readonly billingCode: string | null
  readonly provider: string
  /** The party that is paid: the provider, or a reseller. */
  readonly biller: string
  readonly billingType: BillingType
  readonly model: string
  /** Without the tokens that were read from the cache. */
  readonly inputTokens: number
  readonly cachedInputTokens: number
  readonly outputTokens: number
  /** Millionths of a cent; negative in a correction only. */
  readonly microcents: number
  /** False where tokens were reported and no price is known. The amount is then unknown, and counted as 0. */
  readonly isPriced: boolean
  readonly source: CostSource
  /** The same name of the same agent is the same event, and is counted once. */
  readonly externalId: string | null
  readonly correctsId: string | null
  /** Decides the window of a budget, in UTC. */
  readonly occurredAt: Instant
}
