import { z } from 'zod'

const count = z.int().min(0)

export const dashboardView = z.strictObject({
  companyId: z.uuid(),
  agents: z.strictObject({ active: count, running: count, paused: count, error: count }),
  tasks: z.strictObject({ open: count, inProgress: count, blocked: count, done: count }),
  /** Issues whose work stands still, up to 500: `GET /companies/:id/stalled` lists them. */
  stalled: z.int(),
  costs: z.strictObject({ monthSpendCents: count, monthBudgetCents: count, monthUtilizationPercent: z.number() }),
  pendingApprovals: count,
  /** Webhooks that the server has parked, or whose receiver is gone. */
  stoppedWebhooks: count,
  budgets: z.strictObject({ activeIncidents: count, pendingApprovals: count, pausedAgents: count, pausedProjects: count }),
})

export const badgesView = z.strictObject({ inbox: count, approvals: count, failedRuns: count, joinRequests: count })
