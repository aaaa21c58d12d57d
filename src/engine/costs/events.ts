import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'
import { billingTypes, costSources } from '../../model/money.ts'

export const costReported = event(
  'cost.reported',
  'cost_event',
  z.object({
    agentId: z.string(),
    heartbeatRunId: z.string().nullable(),
    provider: z.string(),
    model: z.string(),
    billingType: z.enum(billingTypes),
    /** Millionths of a cent. */
    costMicrocents: z.number(),
    isPriced: z.boolean(),
    source: z.enum(costSources),
    correctsId: z.string().nullable(),
    occurredAt: z.string(),
  }),
)
