import type { z } from 'zod'
import type { Permission } from '../auth/permissions.ts'
import type { Scope } from '../auth/scopes.ts'
import type { Ctx } from '../platform/db/types.ts'
import type { RefusalCode } from '../platform/kernel/errors.ts'
import type { Page } from '../platform/kernel/page.ts'
import type { FileResponse } from './fileResponse.ts'
import type { LiveResponse } from './liveResponse.ts'
import type { StreamResponse } from './streamResponse.ts'

export type Method = 'get' | 'post' | 'patch' | 'put' | 'delete'

/** Conditions a client puts on a write. */
export interface Preconditions {
  /** The entity tag of `If-Match`, without wildcard. */
  readonly ifMatch: string | null
  /** `X-Paperclip-Lock-Epoch`. */
  readonly lockEpoch: number | null
}

export interface Input<Q, B> {
  readonly ctx: Ctx
  readonly target: string
  readonly params: Readonly<Record<string, string>>
  readonly query: Q
  readonly body: B
  readonly preconditions: Preconditions
  /** `Last-Event-ID`: up to where the reader of a stream has read. */
  readonly lastEventId: string | null
}

/** How the body of a request is written: JSON, or a form that carries one file. */
export type BodyKind = 'json' | 'file'

/** What a handler may return for a schema: its input, frozen or not. */
export type HandlerResult<T> = T extends readonly (infer I)[]
  ? readonly HandlerResult<I>[]
  : T extends object
    ? { readonly [K in keyof T]: HandlerResult<T[K]> }
    : T

export interface RouteSpec<Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType> {
  /** What it does, as an imperative sentence; becomes the document's summary. */
  readonly summary: string
  /** A row of `access/permissions.ts`. */
  readonly permission: Permission
  readonly scope: Scope
  readonly query?: Q
  readonly body?: B
  /** An empty body is read as `{}`. */
  readonly bodyOptional?: boolean
  /** JSON unless said. A form with one file is a `body` with `file: receivedFile` and the form's fields beside it. */
  readonly bodyKind?: BodyKind
  /** Bytes, of a form those of its file; `BODY_LIMIT` unless said. */
  readonly bodyLimit?: number
  /** Without an `Idempotency-Key`, the body's `idempotencyKey` is one: the tools of an MCP server cannot set headers. */
  readonly keyInBody?: boolean
  readonly returns: R
  /** 200 unless said; 204 is sent when a handler returns null and this says `or204`. */
  readonly status?: 200 | 201 | 202
  readonly emptyAs204?: boolean
  /** A status that stands for some answers instead of `status`. */
  readonly altStatus?: { readonly status: 200 | 201 | 202; readonly when: (value: z.output<R>) => boolean }
  readonly refuses: readonly RefusalCode[]
  /** Extra response headers made from the answer. */
  readonly headers?: (value: z.output<R>) => Readonly<Record<string, string>>
  /**
   * The answer is no JSON document: a `Stream` of lines, `Live` and then of events, each of which is a `returns`, a
   * `Stream` of a drawing, which as a whole is one, or a `FileAnswer`.
   */
  readonly streams?: StreamKind
  readonly handle: (
    input: Input<z.output<Q>, z.output<B>>,
  ) => Promise<HandlerResult<z.input<R>> | StreamResponse | LiveResponse | FileResponse | null>
}

/** What a route answers with that sends its answer while it is made. */
export type StreamKind = 'lines' | 'events' | 'drawing' | 'file'

/** A declared endpoint with its types forgotten, as the mount and the document read it. */
export interface Route {
  readonly method: Method
  readonly path: string
  readonly operationId: string
  readonly summary: string
  readonly permission: Permission
  readonly scope: Scope
  readonly query: z.ZodType | undefined
  readonly body: z.ZodType | undefined
  readonly bodyOptional: boolean
  readonly bodyKind: BodyKind
  readonly bodyLimit: number
  readonly keyInBody: boolean
  readonly returns: z.ZodType
  readonly paged: boolean
  readonly streams: StreamKind | null
  readonly status: number
  readonly emptyAs204: boolean
  readonly altStatus: { readonly status: number; readonly when: (value: unknown) => boolean } | undefined
  readonly refuses: readonly RefusalCode[]
  readonly headers: ((value: unknown) => Readonly<Record<string, string>>) | undefined
  readonly handle: (input: Input<unknown, unknown>) => Promise<unknown>
}

/** 256 KB: the longest description or comment an agent sensibly writes, times four. */
const BODY_LIMIT = 256 * 1024

interface PagedSpec<Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType> extends Omit<
  RouteSpec<Q, B, R>,
  'handle' | 'returns' | 'headers' | 'altStatus' | 'streams'
> {
  /** The schema of one row; the body is the bare array. */
  readonly returnsPageOf: R
  readonly handle: (input: Input<z.output<Q>, z.output<B>>) => Promise<Page<HandlerResult<z.input<R>>>>
}

/** `/api/companies/:companyId/issues` + post → `postCompaniesIssues`; stable, unique and readable in generated clients. */
function operationIdOf(method: Method, path: string): string {
  const words = path
    .replace(/^\/api\//, '')
    .split('/')
    .map((part) => (part.startsWith(':') ? `by-${part.slice(1)}` : part))
    .join('-')
    .split(/[^A-Za-z0-9]+/)
  return method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')
}

interface Declare {
  <Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType>(path: string, spec: RouteSpec<Q, B, R>): Route
  <Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType>(path: string, spec: PagedSpec<Q, B, R>): Route
}

type AnySpec = RouteSpec<z.ZodType, z.ZodType, z.ZodType> | PagedSpec<z.ZodType, z.ZodType, z.ZodType>

const declare = (method: Method): Declare =>
  ((path: string, spec: AnySpec): Route => ({
    method,
    path,
    operationId: operationIdOf(method, path),
    summary: spec.summary,
    permission: spec.permission,
    scope: spec.scope,
    query: spec.query,
    body: spec.body,
    bodyOptional: spec.bodyOptional ?? false,
    bodyKind: spec.bodyKind ?? 'json',
    bodyLimit: spec.bodyLimit ?? BODY_LIMIT,
    keyInBody: spec.keyInBody ?? false,
    returns: 'returns' in spec ? spec.returns : spec.returnsPageOf,
    paged: !('returns' in spec),
    streams: 'streams' in spec ? (spec.streams ?? null) : null,
    status: spec.status ?? 200,
    emptyAs204: spec.emptyAs204 ?? false,
    altStatus: 'altStatus' in spec ? (spec.altStatus as Route['altStatus']) : undefined,
    refuses: spec.refuses,
    headers: 'headers' in spec ? (spec.headers as Route['headers']) : undefined,
    handle: spec.handle as Route['handle'],
  })) as Declare

export const get = declare('get')
export const post = declare('post')
export const patch = declare('patch')
export const put = declare('put')
export const del = declare('delete')
