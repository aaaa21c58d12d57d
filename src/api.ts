import type { RunTokens } from './access/runTokens.ts'
import { dashboardRoutes } from './activity/dashboardRoutes.ts'
import { activityRoutes } from './activity/routes.ts'
import type { Examiner } from './agents/environment.ts'
import { agentRoutes } from './agents/routes.ts'
import { assetRoutes } from './assets/routes.ts'
import type { HeadFile } from './audit/index.ts'
import { auditRoutes } from './audit/routes.ts'
import { approvalRoutes } from './approvals/routes.ts'
import { companyRoutes } from './companies/routes.ts'
import { documentRoutes } from './documents/routes.ts'
import { executionRoutes } from './execution/routes.ts'
import { wakeRoutes } from './execution/wakeRoutes.ts'
import { runReadRoutes } from './execution/runReadRoutes.ts'
import { feedbackRoutes } from './feedback/routes.ts'
import { goalRoutes } from './goals/routes.ts'
import type { Route } from './http/route.ts'
import { instanceRoutes } from './instance/routes.ts'
import { interactionRoutes } from './interactions/routes.ts'
import { issueRoutes } from './issues/routes.ts'
import { labelRoutes } from './labels/routes.ts'
import { portabilityRoutes } from './portability/routes.ts'
import { projectRoutes } from './projects/routes.ts'
import type { Feed } from './realtime/index.ts'
import { realtimeRoutes } from './realtime/routes.ts'
import type { StreamOptions } from './realtime/index.ts'
import { runRoutes } from './runs/routes.ts'
import { workProductRoutes } from './workProducts/routes.ts'

export interface RouteDeps {
  /** What happens, for those who follow along. */
  readonly feed: Feed
  readonly streamOptions?: StreamOptions
  /** The heads of the audit chains, noted outside the database. */
  readonly heads: HeadFile
  readonly tokens: RunTokens
  /** Looks up what runs would use. */
  readonly adapters: Examiner
  readonly version: string
}

/** Every route of the server, the often used first: Express tries them in this order. */
export const allRoutes = (deps: RouteDeps): Route[] => [
  ...executionRoutes(deps.tokens),
  ...issueRoutes,
  ...agentRoutes(deps.adapters),
  ...approvalRoutes,
  ...runRoutes,
  ...runReadRoutes,
  ...wakeRoutes,
  ...companyRoutes,
  ...portabilityRoutes,
  ...goalRoutes,
  ...projectRoutes,
  ...labelRoutes,
  ...documentRoutes,
  ...assetRoutes,
  ...workProductRoutes,
  ...interactionRoutes,
  ...feedbackRoutes,
  ...dashboardRoutes,
  ...activityRoutes,
  ...realtimeRoutes(deps.feed, deps.streamOptions),
  ...auditRoutes(deps.heads),
  ...instanceRoutes(deps.version),
]
