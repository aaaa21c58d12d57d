import type { z } from 'zod'
import type { SystemActor } from './actor.ts'

export type EntityType =
  | 'company'
  | 'agent'
  | 'agent_key'
  | 'issue'
  | 'run'
  | 'wake'
  | 'project'
  | 'goal'
  | 'label'
  | 'document'
  | 'approval'
  | 'instance'
  | 'interaction'
  | 'asset'
  | 'person'
  | 'invite'
  | 'join_request'
  | 'cli_login'
  | 'board_claim'
  | 'cost_event'
  | 'finance_event'
  | 'budget_policy'
  | 'budget_incident'
  | 'secret'
  | 'skill'
  | 'webhook'
  | 'routine'
  | 'routine_trigger'
  | 'routine_run'
  | 'execution_workspace'

/** An event of the domain. It becomes one row of `activity_log` and one realtime message. */
export interface DomainEvent {
  readonly action: string
  readonly entityType: EntityType
  readonly entityId: string
  readonly details: Readonly<Record<string, unknown>>
  /** The company of the event, where it is not the company of the context. */
  readonly companyId?: string
  /** The agent that the event is about, where it is not the actor. */
  readonly agentId?: string
  /** The run that the event is about, where it is not the acting run. */
  readonly runId?: string
  /** The task of the server that found the event, where it is not the act of the actor. */
  readonly actor?: SystemActor
}

/** The company id under which is recorded what belongs to no company. */
export const NO_COMPANY = '00000000-0000-0000-0000-000000000000'

export interface EventOptions {
  readonly companyId?: string
  readonly agentId?: string | null
  readonly runId?: string | null
  readonly actor?: SystemActor
}

/** A declared kind of event. A call creates an event of the kind. */
export interface EventKind<S extends z.ZodType> {
  (entityId: string, details: z.input<S>, options?: EventOptions): DomainEvent
  readonly action: string
  readonly entityType: EntityType
  readonly details: S
}

/**
 * Declares a kind of event: the name of the audit row, the type of the entity, and the schema of the details.
 * `doc/generated/events.md` is generated from these declarations.
 */
export function event<S extends z.ZodType>(action: string, entityType: EntityType, details: S): EventKind<S> {
  const createEvent = (entityId: string, input: z.input<S>, options: EventOptions = {}): DomainEvent => ({
    action,
    entityType,
    entityId,
    // Parsing also drops fields that the schema does not name, so a row contains only declared fields (I17).
    details: details.parse(input) as Record<string, unknown>,
    ...(options.companyId === undefined ? {} : { companyId: options.companyId }),
    ...(options.agentId ? { agentId: options.agentId } : {}),
    ...(options.runId ? { runId: options.runId } : {}),
    ...(options.actor ? { actor: options.actor } : {}),
  })
  return Object.assign(createEvent, { action, entityType, details })
}
