import * as agentEvents from '../org/agents/events.ts'
import { agentStatus } from '../model/agentStatus.ts'
import * as approvalEvents from '../control/approvals/events.ts'
import { approvalStatus } from '../model/approvalStatus.ts'
import * as openApprovalEvents from '../engine/approvals/events.ts'
import * as assetEvents from '../work/files/events.ts'
import * as auditEvents from '../observe/audit/events.ts'
import * as boardClaimEvents from '../org/boardClaims/events.ts'
import * as budgetEvents from '../engine/budgets/events.ts'
import * as limitEvents from '../control/budgets/events.ts'
import * as costEvents from '../engine/costs/events.ts'
import * as cliLoginEvents from '../org/cliLogins/events.ts'
import * as companyEvents from '../org/companies/events.ts'
import { companyStatus } from '../model/companyStatus.ts'
import * as confirmationEvents from '../work/interactionExpiry/events.ts'
import * as financeEvents from '../control/costs/events.ts'
import * as doctorEvents from '../doctor/events.ts'
import * as documentEvents from '../work/documents/events.ts'
import * as feedbackEvents from '../work/feedback/events.ts'
import * as goalEvents from '../org/goals/events.ts'
import * as instructionEvents from '../org/instructions/events.ts'
import * as skillEvents from '../org/skills/events.ts'
import * as holdEvents from '../engine/holds/events.ts'
import * as backupEvents from '../backup/events.ts'
import * as instanceEvents from '../observe/instance/events.ts'
import * as interactionEvents from '../work/interactions/events.ts'
import { interactionStatus } from '../model/interactionStatus.ts'
import * as issueEvents from '../work/issues/events.ts'
import { issueStatus } from '../model/issueStatus.ts'
import type { EntityType } from '../platform/kernel/event.ts'
import type { StateMachine } from '../platform/kernel/stateMachine.ts'
import * as labelEvents from '../org/labels/events.ts'
import * as lifecycleEvents from '../control/lifecycle/events.ts'
import * as inviteEvents from '../org/invites/events.ts'
import * as memberEvents from '../org/members/events.ts'
import * as moveoverEvents from '../moveover/events.ts'
import * as peopleEvents from '../org/people/events.ts'
import * as portabilityEvents from '../control/portability/events.ts'
import * as projectEvents from '../org/projects/events.ts'
import * as routineEvents from '../control/routines/events.ts'
import { routineRunStatus, routineStatus } from '../model/routineStatus.ts'
import * as runEvents from '../engine/runs/events.ts'
import { runStatus } from '../model/runStatus.ts'
import * as secondFactorEvents from '../org/people/secondFactor/events.ts'
import * as vaultEvents from '../org/vault/events.ts'
import * as secretEvents from '../org/secrets/events.ts'
import * as stalledEvents from '../control/stalled/events.ts'
import * as wakeEvents from '../engine/wakes/events.ts'
import { wakeStatus } from '../model/wakeStatus.ts'
import * as webhookEvents from '../observe/webhooks/events.ts'
import { webhookStatus } from '../model/webhookStatus.ts'
import * as workspaceEvents from '../control/workspaces/events.ts'
import { workspaceStatus } from '../model/workspaceStatus.ts'
import * as workProductEvents from '../work/workProducts/events.ts'
import { incidentStatus } from '../model/budgetStatus.ts'
import type { z } from 'zod'

/** A declared kind of event without its static type, as the generated documents read it. */
export interface EventDeclaration {
  readonly action: string
  readonly entityType: EntityType
  readonly details: z.ZodType
}

const isDeclaration = (value: unknown): value is EventDeclaration => typeof value === 'function' && 'action' in value

/** Every kind of event that a slice may record, in the order of the names. */
export const allEvents: readonly EventDeclaration[] = [
  agentEvents,
  approvalEvents,
  openApprovalEvents,
  assetEvents,
  auditEvents,
  boardClaimEvents,
  budgetEvents,
  limitEvents,
  backupEvents,
  cliLoginEvents,
  companyEvents,
  confirmationEvents,
  costEvents,
  doctorEvents,
  documentEvents,
  feedbackEvents,
  financeEvents,
  goalEvents,
  holdEvents,
  instanceEvents,
  instructionEvents,
  interactionEvents,
  issueEvents,
  labelEvents,
  lifecycleEvents,
  inviteEvents,
  memberEvents,
  moveoverEvents,
  peopleEvents,
  portabilityEvents,
  projectEvents,
  routineEvents,
  runEvents,
  secondFactorEvents,
  secretEvents,
  skillEvents,
  stalledEvents,
  vaultEvents,
  wakeEvents,
  webhookEvents,
  workProductEvents,
  workspaceEvents,
]
  .flatMap((slice): unknown[] => Object.values(slice))
  .filter(isDeclaration)
  .toSorted((a, b) => (a.action < b.action ? -1 : 1))

/** Every state machine. */
export const allStateMachines: readonly StateMachine<string>[] = [
  agentStatus,
  approvalStatus,
  companyStatus,
  incidentStatus,
  interactionStatus,
  issueStatus,
  routineRunStatus,
  routineStatus,
  runStatus,
  wakeStatus,
  webhookStatus,
  workspaceStatus,
] as unknown as readonly StateMachine<string>[]
