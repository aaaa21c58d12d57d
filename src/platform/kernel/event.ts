import type { z } from 'zod'

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

/** One thing that happened: it becomes one row of `activity_log` and one realtime message. */
export interface DomainEvent {
  readonly action: string
  readonly entityType: EntityType
  readonly entityId: string
  readonly details: Readonly<Record<string, unknown>>
  /** The company it happened in, where that is not the company of the context. */
  readonly companyId?: string
  /** The agent it is about, where that is not the actor. */
  readonly agentId?: string
  /** The run it is about, where that is not the acting run. */
  readonly runId?: string
}

export interface EventOptions {
  readonly companyId?: string
  readonly agentId?: string | null
  readonly runId?: string | null
}

/** A declared kind of event: call it to say that it happened. */
export interface EventKind<S extends z.ZodType> {
  (entityId: string, details: z.input<S>, options?: EventOptions): DomainEvent
  readonly action: string
  readonly entityType: EntityType
  readonly details: S
}

/**
 * Declares an event once: name of the audit row, what it is about, schema of its details. `doc/generated/events.md`
 * is written from these.
 */
export function event<S extends z.ZodType>(action: string, entityType: EntityType, details: S): EventKind<S> {
  const createEvent = (entityId: string, input: z.input<S>, options: EventOptions = {}): DomainEvent => ({
    action,
    entityType,
    entityId,
    // Parsing also drops what the schema does not name, so a row can hold nothing that was not declared (I17).
    details: details.parse(input) as Record<string, unknown>,
    ...(options.companyId === undefined ? {} : { companyId: options.companyId }),
    ...(options.agentId ? { agentId: options.agentId } : {}),
    ...(options.runId ? { runId: options.runId } : {}),
  })
  return Object.assign(createEvent, { action, entityType, details })
}
