import { z } from 'zod'
import { approvalStatus } from '../../model/approvalStatus.ts'
import { budgetMetrics, budgetScopes, budgetThresholds, budgetWindowKinds, incidentStatus, WARN_PERCENT } from '../../model/budgetStatus.ts'
import { reserveCents } from '../../model/money.ts'
import { instant } from '../../platform/kernel/time.ts'

const INT_MAX = 2_147_483_647
const cents = z.int().min(0).max(INT_MAX)

export const budgetPolicyView = z.strictObject({
  policyId: z.uuid(),
  companyId: z.uuid(),
  scopeType: z.enum(budgetScopes),
  scopeId: z.uuid(),
  scopeName: z.string(),
  metric: z.enum(budgetMetrics),
  windowKind: z.enum(budgetWindowKinds),
  amount: z.int(),
  observedAmount: z.int(),
  reservedAmount: z.int(),
  remainingAmount: z.int(),
  utilizationPercent: z.number(),
  warnPercent: z.int(),
  hardStopEnabled: z.boolean(),
  notifyEnabled: z.boolean(),
  isActive: z.boolean(),
  reserveCents: z.int().nullable(),
  status: z.enum(['ok', 'warning', 'hard_stop']),
  paused: z.boolean(),
  pauseReason: z.string().nullable(),
  windowStart: instant,
  windowEnd: instant.nullable(),
})

export const budgetIncidentView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid(),
  policyId: z.uuid(),
  scopeType: z.enum(budgetScopes),
  scopeId: z.uuid(),
  scopeName: z.string(),
  metric: z.enum(budgetMetrics),
  windowKind: z.enum(budgetWindowKinds),
  windowStart: instant,
  windowEnd: instant.nullable(),
  thresholdType: z.enum(budgetThresholds),
  amountLimit: z.int(),
  amountObserved: z.int(),
  status: z.enum(incidentStatus.statuses),
  approvalId: z.uuid().nullable(),
  approvalStatus: z.enum(approvalStatus.statuses).nullable(),
  enforcedAt: instant.nullable(),
  resolvedAt: instant.nullable(),
  createdAt: instant,
  updatedAt: instant,
})

export const budgetOverviewView = z.strictObject({
  companyId: z.uuid(),
  policies: z.array(budgetPolicyView),
  activeIncidents: z.array(budgetIncidentView),
  pausedAgentCount: z.int(),
  pausedProjectCount: z.int(),
  pendingApprovalCount: z.int(),
})

/** The effect of a policy, as it is tried before it is set. */
const budgetTrial = z.strictObject({
  dryRun: z.literal(true),
  scopeName: z.string(),
  observedAmount: z.int(),
  reservedAmount: z.int(),
  remainingAmount: z.int(),
  /** Whether the limit is used up, so that the scope would be stopped. */
  wouldStop: z.boolean(),
  wouldWarn: z.boolean(),
  /** Runs that would be ended, and agents that would be paused. */
  runIds: z.array(z.uuid()),
  agentIds: z.array(z.uuid()),
})

export const policyAnswerView = z.union([budgetPolicyView, budgetTrial])

export const policyBody = z.object({
  scopeType: z.enum(budgetScopes),
  scopeId: z.uuid().transform((value) => value.toLowerCase()),
  amount: cents,
  metric: z.enum(budgetMetrics).default('billed_cents'),
  windowKind: z.enum(budgetWindowKinds).default('calendar_month_utc'),
  warnPercent: z.int().min(1).max(99).default(WARN_PERCENT),
  hardStopEnabled: z.boolean().default(true),
  notifyEnabled: z.boolean().default(true),
  isActive: z.boolean().default(true),
  /** The part that a run reserves where nothing else says it; null or 0 leaves it to what earlier runs cost. */
  reserveCents: reserveCents.nullish(),
  dryRun: z.boolean().default(false),
})
export type PolicyInput = z.output<typeof policyBody>

export const monthlyBudgetBody = z.object({ budgetMonthlyCents: cents })

export const resolveIncidentBody = z
  .object({
    action: z.enum(['keep_paused', 'raise_budget_and_resume']),
    amount: cents.optional(),
    decisionNote: z.string().max(10_000).nullish(),
  })
  .refine(({ action, amount }) => action === 'keep_paused' || amount !== undefined, {
    path: ['amount'],
    error: 'The new amount is required',
  })
export type ResolveIncident = z.output<typeof resolveIncidentBody>
