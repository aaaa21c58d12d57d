import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'

export const financeEventReported = event(
  'finance_event.reported',
  'finance_event',
  z.object({
    eventKind: z.string(),
    direction: z.string(),
    biller: z.string(),
    amountCents: z.number(),
    currency: z.string(),
    estimated: z.boolean(),
    occurredAt: z.string(),
  }),
)
