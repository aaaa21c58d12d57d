import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { stateMachine } from '../platform/kernel/stateMachine.ts'

export const budgetScopes = ['company', 'agent', 'project'] as const
export type BudgetScope = (typeof budgetScopes)[number]

export const budgetMetrics = ['billed_cents'] as const

export const budgetWindowKinds = ['calendar_month_utc', 'lifetime'] as const
export type BudgetWindowKind = (typeof budgetWindowKinds)[number]

export const budgetThresholds = ['soft', 'hard'] as const
export type BudgetThreshold = (typeof budgetThresholds)[number]

/** `resolved`: the limit was raised, or the window has ended. `dismissed`: the board keeps the scope stopped. */
export const incidentStatus = stateMachine('budget incident', { open: ['resolved', 'dismissed'], resolved: [], dismissed: ['resolved'] })
export type IncidentStatus = (typeof incidentStatus.statuses)[number]

/** The `pauseReason` of an agent, a project or a company that a hard limit has stopped. */
export const BUDGET_PAUSE = 'budget'

/** Defaults of a policy. */
export const WARN_PERCENT = 80

/** The amount that a run reserves, in cents, when its agent has no earlier run and neither it nor its policy says more. */
export const DEFAULT_RESERVE_CENTS = 100

const monthOf = (instant: SQL): SQL => sql`(date_trunc('month', ${instant} at time zone 'UTC') at time zone 'UTC')`

/** The beginning of the window that contains an instant, in SQL. @param kind the window kind of a policy @param instant a timestamptz */
export const windowStartSql = (kind: SQL, instant: SQL): SQL =>
  sql`(case when ${kind} = 'lifetime' then timestamptz '1970-01-01T00:00:00Z' else ${monthOf(instant)} end)`

/** The end of the window that begins then, in SQL; null for a lifetime, which does not end. */
export const windowEndSql = (kind: SQL, start: SQL): SQL =>
  sql`(case when ${kind} = 'lifetime' then null else (date_trunc('month', ${start} at time zone 'UTC') + interval '1 month') at time zone 'UTC' end)`
