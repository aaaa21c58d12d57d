import { z } from 'zod'
import { budgetScopes, budgetThresholds, budgetWindowKinds, incidentStatus } from '../../model/budgetStatus.ts'
import { event } from '../../platform/kernel/event.ts'

const scope = { scopeType: z.enum(budgetScopes), scopeId: z.string() }

/** Amounts are in cents. */
export const policyUpserted = event(
  'budget.policy_upserted',
  'budget_policy',
  z.object({
    ...scope,
    windowKind: z.enum(budgetWindowKinds),
    amount: z.number(),
    previousAmount: z.number().nullable(),
    warnPercent: z.number(),
    hardStopEnabled: z.boolean(),
    notifyEnabled: z.boolean(),
    isActive: z.boolean(),
    reserveCents: z.number().nullable(),
  }),
)
export const agentBudgetUpdated = event(
  'agent.budget_updated',
  'agent',
  z.object({ budgetMonthlyCents: z.number(), previousCents: z.number() }),
)
export const companyBudgetUpdated = event(
  'company.budget_updated',
  'company',
  z.object({ budgetMonthlyCents: z.number(), previousCents: z.number() }),
)

/** The order to stop was carried out: the scope is paused, and the supervised runs in it have ended. */
export const stopEnforced = event('budget.stop_enforced', 'budget_incident', z.object({ ...scope, endedRunIds: z.array(z.string()) }))

export const incidentResolved = event(
  'budget.incident_resolved',
  'budget_incident',
  z.object({
    ...scope,
    policyId: z.string(),
    thresholdType: z.enum(budgetThresholds),
    status: z.enum(incidentStatus.statuses),
    /** The act of the board, or why the server ended the incident. */
    action: z.enum(['keep_paused', 'raise_budget_and_resume', 'limit_changed', 'spending_corrected', 'window_ended']),
    amount: z.number().nullable(),
    decisionNote: z.string().optional(),
  }),
)
export const projectPaused = event('project.paused', 'project', z.object({ pauseReason: z.string() }))
export const projectResumed = event('project.resumed', 'project', z.object({ previousPauseReason: z.string() }))
export const companyPaused = event('company.paused', 'company', z.object({ pauseReason: z.string() }))
export const companyResumed = event('company.resumed', 'company', z.object({ previousPauseReason: z.string() }))
