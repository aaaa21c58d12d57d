import * as agentEvents from './agents/events.ts'
import { agentStatus } from './agents/status.ts'
import * as approvalEvents from './approvals/events.ts'
import { approvalStatus } from './approvals/status.ts'
import * as assetEvents from './assets/events.ts'
import * as companyEvents from './companies/events.ts'
import { companyStatus } from './companies/status.ts'
import * as confirmationEvents from './confirmations/events.ts'
import * as documentEvents from './documents/events.ts'
import * as feedbackEvents from './feedback/events.ts'
import * as goalEvents from './goals/events.ts'
import * as holdEvents from './holds/events.ts'
import * as instanceEvents from './instance/events.ts'
import * as interactionEvents from './interactions/events.ts'
import { interactionStatus } from './interactions/status.ts'
import * as issueEvents from './issues/events.ts'
import { issueStatus } from './issues/status.ts'
import type { EntityType } from './kernel/event.ts'
import type { Machine } from './kernel/machine.ts'
import * as labelEvents from './labels/events.ts'
import * as portabilityEvents from './portability/events.ts'
import * as projectEvents from './projects/events.ts'
import * as runEvents from './runs/events.ts'
import { runStatus } from './runs/status.ts'
import * as wakeEvents from './wakes/events.ts'
import { wakeStatus } from './wakes/status.ts'
import * as workProductEvents from './workProducts/events.ts'
import type { z } from 'zod'

/** A declared kind of event with its type forgotten, as the document reads it. */
export interface EventDeclaration {
  readonly action: string
  readonly entityType: EntityType
  readonly details: z.ZodType
}

const isDeclaration = (value: unknown): value is EventDeclaration => typeof value === 'function' && 'action' in value

/** Every event that any slice may record, in the order of their names. */
export const allEvents: readonly EventDeclaration[] = [
  agentEvents,
  approvalEvents,
  assetEvents,
  companyEvents,
  confirmationEvents,
  documentEvents,
  feedbackEvents,
  goalEvents,
  holdEvents,
  instanceEvents,
  interactionEvents,
  issueEvents,
  labelEvents,
  portabilityEvents,
  projectEvents,
  runEvents,
  wakeEvents,
  workProductEvents,
]
  .flatMap((slice): unknown[] => Object.values(slice))
  .filter(isDeclaration)
  .toSorted((a, b) => (a.action < b.action ? -1 : 1))

/** Every state machine. */
export const allMachines: readonly Machine<string>[] = [
  agentStatus,
  approvalStatus,
  companyStatus,
  interactionStatus,
  issueStatus,
  runStatus,
  wakeStatus,
] as unknown as readonly Machine<string>[]
