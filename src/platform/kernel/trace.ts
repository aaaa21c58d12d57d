// The spans of this server, for an operator who collects traces. Where none are collected, each function compares one variable with null.

import { Refusal } from './errors.ts'

/** Facts that a span may have: ids, codes, counts and templates. Never a text of a user, a path, a query or a secret (I17). */
export type SpanFacts = Readonly<Record<string, string | number | boolean>>

/** A part of a trace that has begun. */
export interface Span {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** The span as the header `traceparent` has it: the parent of what others do for it. */
  readonly traceParent: string
  note(facts: SpanFacts): void
  rename(name: string): void
  /** Ends the span. @param errorType what failed, as a code; left out where nothing did */
  end(errorType?: string): void
  /** Does work whose spans are parts of this one. */
  within<T>(work: () => T): T
}

/** How a span begins. */
export interface SpanBeginning {
  readonly name: string
  readonly kind: 'server' | 'client' | 'internal'
  readonly facts: SpanFacts
  /** The span that this one is a part of: that of another program, as a valid `traceparent`, null for none, that of the present work unless given. */
  readonly parent?: string | null
  /** When it began, in milliseconds since 1970; now unless given. */
  readonly beganAt?: number
}

/** The collector of spans in this process. */
export interface Tracer {
  begin(beginning: SpanBeginning): Span
  /** Whether the present work is a part of a span. */
  isWithinSpan(): boolean
  /** Does work that is a part of no span. */
  outside<T>(work: () => T): T
}

let tracer: Tracer | null = null

/** Sets what collects the spans of this process from now on; null collects none. */
export const useTracer = (next: Tracer | null): void => void (tracer = next)

/**
 * Begins the span of a request.
 * @param parent a valid `traceparent` of the caller, or null
 * @returns null where no traces are collected
 */
export const beginRequestSpan = (method: string, parent: string | null): Span | null =>
  tracer === null ? null : tracer.begin({ name: method, kind: 'server', facts: { 'http.request.method': method }, parent })

/**
 * Begins the span of a transaction. One that is no part of a request or a run has none: the tasks of the background make several in each
 * second, and would be most of what is collected.
 */
export const beginTransactionSpan = (): Span | null =>
  tracer === null || !tracer.isWithinSpan()
    ? null
    : tracer.begin({ name: 'transaction', kind: 'client', facts: { 'db.system.name': 'postgresql' } })

/** The ids of a run. */
export interface RunIds {
  readonly runId: string
  readonly agentId: string
  readonly companyId: string
  readonly adapterType: string
}

/** Begins the span of a run that this server executes. @param ageMs how long ago it was claimed */
export const beginRunSpan = ({ runId, agentId, companyId, adapterType }: RunIds, ageMs: number): Span | null =>
  tracer === null
    ? null
    : tracer.begin({
        name: 'run',
        kind: 'internal',
        // Whichever request made this server look at its queue, the run is not a part of it.
        parent: null,
        beganAt: Date.now() - ageMs,
        facts: {
          'paperclip.run_id': runId,
          'paperclip.agent_id': agentId,
          'paperclip.company_id': companyId,
          'paperclip.adapter': adapterType,
        },
      })

/** Does work that others have asked for earlier, and that the present request only happens to begin. */
export const outsideSpans = <T>(work: () => T): T => (tracer === null ? work() : tracer.outside(work))

/** The code of an error, or else its kind. */
function errorTypeOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  const { code } = error as Error & { readonly code?: unknown }
  return typeof code === 'string' ? code : error.name
}

/** Ends a span with the work that it is about. A refusal is an answer and no failure. */
export async function spanOf<T>(span: Span, work: () => Promise<T>): Promise<T> {
  try {
    const value = await span.within(work)
    span.end()
    return value
  } catch (error) {
    if (error instanceof Refusal) span.note({ 'paperclip.code': error.code })
    span.end(error instanceof Refusal ? undefined : errorTypeOf(error))
    throw error
  }
}
