import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'
import { budgetScopes, budgetWindowKinds } from '../../model/budgetStatus.ts'

const crossing = z.object({
  policyId: z.string(),
  scopeType: z.enum(budgetScopes),
  scopeId: z.string(),
  windowKind: z.enum(budgetWindowKinds),
  windowStart: z.string(),
  /** In cents. */
  amountLimit: z.number(),
  amountObserved: z.number(),
  approvalId: z.string().nullable(),
})

/** The server found it, so it is the actor of both, whose event ever crossed the threshold. */
export const softThresholdCrossed = event('budget.soft_threshold_crossed', 'budget_incident', crossing)
export const hardThresholdCrossed = event('budget.hard_threshold_crossed', 'budget_incident', crossing)
