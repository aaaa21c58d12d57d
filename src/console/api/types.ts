// The shapes of the server's answers: the types of the views that its OpenAPI document is made of. Nothing of them is in the bundle.

import type { z } from 'zod'
import type { approvalView, approvalDetailView, approvalCommentView } from '../../control/approvals/views.ts'
import type { budgetIncidentView, budgetOverviewView, budgetPolicyView, policyAnswerView } from '../../control/budgets/views.ts'
import type { holdView, holdDetailView, forceReleasedView } from '../../control/checkout/views.ts'
import type {
  costByAgentModelView,
  costByAgentView,
  costByBillerView,
  costByProjectView,
  costByProviderView,
  costSummaryView,
  financeEventView,
  financeSummaryView,
  windowSpendView,
} from '../../control/costs/views.ts'
import type {
  listedRunView,
  routineDetailView,
  routineItemView,
  routineRunView,
  routineTriggerView,
  routineView,
  triggerWithSecretView,
} from '../../control/routines/views.ts'
import type { stalledView, whyView } from '../../control/stalled/views.ts'
import type { closeReadinessView, executionWorkspaceView } from '../../control/workspaces/views.ts'
import type { runEventView, runLogView, runView } from '../../engine/runs/views.ts'
import type { badgesView, dashboardView } from '../../observe/activity/dashboardViews.ts'
import type { activityView } from '../../observe/activity/views.ts'
import type { exportLine, verificationView } from '../../observe/audit/views.ts'
import type { eventView } from '../../observe/events/views.ts'
import type { webhookDeliveryView, webhookView, webhookWithSecretView } from '../../observe/webhooks/views.ts'
import type { healthView } from '../../observe/instance/health.ts'
import type { generalView, meView, whoamiView } from '../../observe/instance/views.ts'
import type { agentView, keyCreatedView, configurationView, revisionView as agentRevisionView } from '../../org/agents/views.ts'
import type { orgNode } from '../../org/chart/views.ts'
import type { companyView } from '../../org/companies/views.ts'
import type { goalView } from '../../org/goals/views.ts'
import type { createdInviteView, inviteView, joinRequestView } from '../../org/invites/views.ts'
import type { instructionsBundleView, instructionsFileView } from '../../org/instructions/views.ts'
import type { labelView } from '../../org/labels/views.ts'
import type { memberView } from '../../org/members/views.ts'
import type { sessionView } from '../../org/people/views.ts'
import type { projectView } from '../../org/projects/views.ts'
import type { secretProviderView, secretUsageView, secretView } from '../../org/secrets/views.ts'
import type {
  importSkillsView,
  scanProjectsView,
  skillDetailView,
  skillFileView,
  skillsOfAgentView,
  skillView,
  updateStatusView,
} from '../../org/skills/views.ts'
import type { documentView, revisionView as documentRevisionView } from '../../work/documents/views.ts'
import type { assetView, attachmentView } from '../../work/files/views.ts'
import type { interactionView } from '../../work/interactions/views.ts'
import type { issueRunView } from '../../control/execution/runReadViews.ts'
import type { issueDetail, issueView, issueListItem, labelledIssueView, commentView } from '../../work/issues/views.ts'
import type { workProductView } from '../../work/workProducts/views.ts'

export type Approval = z.output<typeof approvalView>
export type ApprovalDetail = z.output<typeof approvalDetailView>
export type ApprovalComment = z.output<typeof approvalCommentView>
export type Hold = z.output<typeof holdView>
export type HoldDetail = z.output<typeof holdDetailView>
export type ForceReleased = z.output<typeof forceReleasedView>
export type Stalled = z.output<typeof stalledView>
export type Why = z.output<typeof whyView>
export type RunEvent = z.output<typeof runEventView>
export type RunLog = z.output<typeof runLogView>
export type Run = z.output<typeof runView>
export type Badges = z.output<typeof badgesView>
export type Dashboard = z.output<typeof dashboardView>
export type Activity = z.output<typeof activityView>
export type Verification = z.output<typeof verificationView>
export type AuditExportLine = z.output<typeof exportLine>
export type StreamEvent = z.output<typeof eventView>
export type Health = z.output<typeof healthView>
export type Me = z.output<typeof meView>
export type Whoami = z.output<typeof whoamiView>
export type GeneralSettings = z.output<typeof generalView>
export type Agent = z.output<typeof agentView>
export type CreatedKey = z.output<typeof keyCreatedView>
export type AgentConfiguration = z.output<typeof configurationView>
export type AgentRevision = z.output<typeof agentRevisionView>
export type OrgNode = z.output<typeof orgNode>
export type Company = z.output<typeof companyView>
export type Goal = z.output<typeof goalView>
export type CreatedInvite = z.output<typeof createdInviteView>
export type Invite = z.output<typeof inviteView>
export type JoinRequest = z.output<typeof joinRequestView>
export type Label = z.output<typeof labelView>
export type Member = z.output<typeof memberView>
export type Session = z.output<typeof sessionView>
export type Project = z.output<typeof projectView>
export type ExecutionWorkspace = z.output<typeof executionWorkspaceView>
export type CloseReadiness = z.output<typeof closeReadinessView>
export type Routine = z.output<typeof routineView>
/** A row of the list of routines. */
export type RoutineItem = z.output<typeof routineItemView>
export type RoutineDetail = z.output<typeof routineDetailView>
export type RoutineTrigger = z.output<typeof routineTriggerView>
export type TriggerWithSecret = z.output<typeof triggerWithSecretView>
export type RoutineRun = z.output<typeof routineRunView>
/** A run with its issue and its trigger. */
export type RoutineRunItem = z.output<typeof listedRunView>
export type Secret = z.output<typeof secretView>
export type SecretProvider = z.output<typeof secretProviderView>
export type SecretUsage = z.output<typeof secretUsageView>
export type InstructionsBundle = z.output<typeof instructionsBundleView>
export type InstructionsFile = z.output<typeof instructionsFileView>
export type Skill = z.output<typeof skillView>
export type SkillDetail = z.output<typeof skillDetailView>
export type SkillFile = z.output<typeof skillFileView>
export type SkillUpdate = z.output<typeof updateStatusView>
export type SkillsOfAgent = z.output<typeof skillsOfAgentView>
export type ImportedSkills = z.output<typeof importSkillsView>
export type ScannedSkills = z.output<typeof scanProjectsView>
export type IssueDocument = z.output<typeof documentView>
export type DocumentRevision = z.output<typeof documentRevisionView>
export type Asset = z.output<typeof assetView>
export type Attachment = z.output<typeof attachmentView>
export type Interaction = z.output<typeof interactionView>
export type Issue = z.output<typeof issueView>
/** A row of the list of issues. */
export type IssueItem = z.output<typeof issueListItem>
export type IssueDetail = z.output<typeof issueDetail>
export type IssueRun = z.output<typeof issueRunView>
export type WorkProduct = z.output<typeof workProductView>
export type ListedIssue = z.output<typeof labelledIssueView>
export type Comment = z.output<typeof commentView>
export type Webhook = z.output<typeof webhookView>
export type WebhookWithSecret = z.output<typeof webhookWithSecretView>
export type WebhookDelivery = z.output<typeof webhookDeliveryView>
export type CostSummary = z.output<typeof costSummaryView>
export type CostByAgent = z.output<typeof costByAgentView>
export type CostByAgentModel = z.output<typeof costByAgentModelView>
export type CostByProvider = z.output<typeof costByProviderView>
export type CostByBiller = z.output<typeof costByBillerView>
export type CostByProject = z.output<typeof costByProjectView>
export type WindowSpend = z.output<typeof windowSpendView>
export type FinanceEvent = z.output<typeof financeEventView>
export type FinanceSummary = z.output<typeof financeSummaryView>
export type BudgetPolicy = z.output<typeof budgetPolicyView>
export type BudgetIncident = z.output<typeof budgetIncidentView>
export type BudgetOverview = z.output<typeof budgetOverviewView>
/** The effect of a policy, as it is tried before it is set. */
export type BudgetTrial = Exclude<z.output<typeof policyAnswerView>, BudgetPolicy>
