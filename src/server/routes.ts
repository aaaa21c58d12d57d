import type { RunTokens } from '../auth/runTokens.ts'
import { dashboardRoutes } from '../observe/activity/dashboardRoutes.ts'
import { activityRoutes } from '../observe/activity/routes.ts'
import type { Preflight } from '../org/agents/environment.ts'
import type { ConfigurationChecks } from '../org/agents/index.ts'
import { adapterRoutes } from '../org/agents/adapterRoutes.ts'
import { agentRoutes } from '../org/agents/routes.ts'
import { chartRoutes } from '../org/chart/routes.ts'
import { assetRoutes } from '../work/files/routes.ts'
import type { Log } from '../platform/kernel/log.ts'
import type { HeadFile } from '../observe/audit/index.ts'
import { auditRoutes } from '../observe/audit/routes.ts'
import { approvalRoutes } from '../control/approvals/routes.ts'
import { companyRoutes } from '../org/companies/routes.ts'
import { documentRoutes } from '../work/documents/routes.ts'
import { costRoutes } from '../control/costs/routes.ts'
import { checkoutRoutes } from '../control/checkout/routes.ts'
import { executionRoutes } from '../control/execution/routes.ts'
import { budgetDecisionRoutes } from '../control/approvals/budgetRoutes.ts'
import { budgetRoutes } from '../control/budgets/routes.ts'
import { costReportRoutes } from '../control/costs/reportRoutes.ts'
import { lifecycleRoutes } from '../control/lifecycle/routes.ts'
import { routineRoutes } from '../control/routines/routes.ts'
import { stalledRoutes } from '../control/stalled/routes.ts'
import { wakeupRoutes } from '../control/wakeups/routes.ts'
import { inboxRoutes } from '../work/issues/inboxRoutes.ts'
import { feedbackRoutes } from '../work/feedback/routes.ts'
import { goalRoutes } from '../org/goals/routes.ts'
import { instructionRoutes } from '../org/instructions/routes.ts'
import { skillTextRoutes } from '../org/skills/publicRoutes.ts'
import { skillRoutes } from '../org/skills/routes.ts'
import { textRoutes } from '../control/approvals/textRoutes.ts'
import type { Route } from '../http/route.ts'
import type { AgentIsolation, DeploymentFacts, ServerFacts } from '../observe/instance/health.ts'
import { callerRoutes } from '../observe/instance/callerRoutes.ts'
import { backupRoutes } from '../backup/index.ts'
import { instanceRoutes } from '../observe/instance/routes.ts'
import { interactionRoutes } from '../work/interactions/routes.ts'
import { issueRoutes } from '../work/issues/routes.ts'
import { labelRoutes } from '../org/labels/routes.ts'
import type { People } from '../org/people/index.ts'
import { inviteRoutes } from '../org/invites/routes.ts'
import { boardClaimRoutes } from '../org/boardClaims/routes.ts'
import { cliLoginRoutes } from '../org/cliLogins/routes.ts'
import { memberRoutes } from '../org/members/routes.ts'
import { peopleRoutes } from '../org/people/routes.ts'
import { vaultRoutes } from '../org/vault/routes.ts'
import { secretRoutes } from '../org/secrets/routes.ts'
import { portabilityRoutes } from '../control/portability/routes.ts'
import { projectRoutes } from '../org/projects/routes.ts'
import type { BoardAccess } from '../auth/boardAccess.ts'
import type { Feed } from '../observe/events/index.ts'
import { eventRoutes } from '../observe/events/routes.ts'
import type { StreamOptions } from '../observe/events/index.ts'
import { runRoutes } from '../engine/runs/routes.ts'
import { webhookRoutes } from '../observe/webhooks/routes.ts'
import type { WebhookRouteDeps } from '../observe/webhooks/routes.ts'
import type { Worktrees } from '../adapters/index.ts'
import { workspaceRoutes } from '../control/workspaces/routes.ts'
import { workProductRoutes } from '../work/workProducts/routes.ts'

export interface RouteDeps {
  /** The source of the event streams. */
  readonly feed: Feed
  readonly streamOptions?: StreamOptions
  /** The heads of the audit chains, recorded outside the database. */
  readonly heads: HeadFile
  readonly tokens: RunTokens
  /** Checks the programs and addresses that runs of an agent would use, and says where requests may go. */
  readonly adapters: Preflight & ConfigurationChecks & WebhookRouteDeps['adapters']
  readonly version: string
  /** How commands of agents are kept from this server. */
  readonly agentIsolation: AgentIsolation
  readonly board: BoardAccess
  /** How people sign in; null where they do not. */
  readonly people: People | null
  readonly deployment: DeploymentFacts
  /** The causes for which this server is degraded. */
  readonly degradedCauses: ServerFacts['causes']
  readonly log: Log
  /** Folders of this host that the operator allows for skills. */
  readonly skillFolders: readonly string[]
  /** Worktrees of git on this host; null where the operator allows no folder for them. */
  readonly worktrees: Worktrees | null
}

/** Returns every route of the server. Frequent routes come first, because Express tries them in this order. */
export const allRoutes = (deps: RouteDeps): Route[] => [
  ...checkoutRoutes,
  ...executionRoutes(deps.tokens),
  ...inboxRoutes,
  ...lifecycleRoutes,
  ...budgetRoutes,
  ...budgetDecisionRoutes,
  ...costReportRoutes,
  ...issueRoutes,
  ...agentRoutes(deps.adapters),
  ...chartRoutes,
  ...adapterRoutes(deps.adapters),
  ...approvalRoutes(deps.adapters),
  ...runRoutes,
  ...wakeupRoutes,
  ...stalledRoutes,
  ...routineRoutes,
  ...companyRoutes,
  ...portabilityRoutes,
  ...skillTextRoutes,
  ...skillRoutes(deps.skillFolders),
  ...instructionRoutes,
  ...textRoutes(deps.skillFolders),
  ...goalRoutes,
  ...projectRoutes,
  ...workspaceRoutes(deps.worktrees),
  ...secretRoutes,
  ...vaultRoutes,
  ...labelRoutes,
  ...documentRoutes,
  ...assetRoutes,
  ...workProductRoutes,
  ...interactionRoutes,
  ...feedbackRoutes,
  ...costRoutes,
  ...dashboardRoutes,
  ...activityRoutes,
  ...eventRoutes(deps.feed, deps.streamOptions),
  ...webhookRoutes(deps),
  ...auditRoutes(deps.heads, deps.log),
  ...instanceRoutes({ version: deps.version, isolation: deps.agentIsolation, causes: deps.degradedCauses, deployment: deps.deployment }),
  ...backupRoutes,
  ...callerRoutes(deps.board),
  ...peopleRoutes(deps.people),
  ...memberRoutes,
  ...inviteRoutes,
  ...cliLoginRoutes,
  ...boardClaimRoutes,
]
