import { sql } from 'drizzle-orm'
import { budgetPolicies } from '../../model/budgets.ts'
import { WARN_PERCENT } from '../../model/budgetStatus.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { ReadDb } from '../../platform/db/types.ts'

interface Limit {
  readonly scopeId: string
  /** A package says the amount of a monthly limit of its company or of an agent, and an import makes one of it that stops. */
  readonly isExported: boolean
  readonly hasOnlyAmount: boolean
}

const selectLimits = statement<{ companyId: string; scopeIds: string[] }, Limit>('package_limits').read(sql`
  select scope_id as "scopeId", window_kind = 'calendar_month_utc' and scope_type <> 'project' and hard_stop_enabled as "isExported",
    warn_percent = ${sql.raw(String(WARN_PERCENT))} and notify_enabled and reserve_cents is null as "hasOnlyAmount"
  from ${budgetPolicies} where company_id = ${param('companyId', 'uuid')} and is_active and scope_id = any(${param('scopeIds', 'uuid[]')})`)

/** The limits of what may be spent by what is in a package. */
export interface PackageLimits {
  /** The companies and agents whose `budgetMonthlyCents` is exported. One that only warns is not: an import would make it stop. */
  readonly exportedScopeIds: ReadonlySet<string>
  readonly warnings: readonly string[]
}

/**
 * The limits that a package has, and warnings of those that it lacks, or has a part of.
 * @param scopeIds the company, the agents and the projects that are in the package
 */
export async function readPackageLimits(db: Pick<ReadDb, 'run'>, companyId: string, scopeIds: string[]): Promise<PackageLimits> {
  const limits = await db.run(selectLimits, { companyId, scopeIds })
  const [exported, others] = [limits.filter((limit) => limit.isExported), limits.filter((limit) => !limit.isExported)]
  const partial = exported.filter((limit) => !limit.hasOnlyAmount)
  const warnings: string[] = []
  if (others.length > 0)
    warnings.push(
      `Limits of spending that are not exported, because they only warn, are of a project or of a whole life: ${others.length}; set them after an import`,
    )
  if (partial.length > 0)
    warnings.push(`Monthly limits of which only the amount is exported, not when they warn or what a run reserves: ${partial.length}`)
  return { exportedScopeIds: new Set(exported.map(({ scopeId }) => scopeId)), warnings }
}

/** The monthly limit of a company or an agent as a package has it, in cents: 0 for none, null where the package must not say it. */
export const monthlyLimitOf = (
  { id, budgetMonthlyCents }: { readonly id: string; readonly budgetMonthlyCents: number },
  limitedScopeIds: ReadonlySet<string>,
): number | null => (budgetMonthlyCents === 0 || limitedScopeIds.has(id) ? budgetMonthlyCents : null)
