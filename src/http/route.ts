// How a route is declared: `get`, `post`, `patch`, `put` and `del` turn a path and a specification into a `Route`.

import type { z } from 'zod'
import type { Permission } from '../auth/permissions.ts'
import type { Scope } from '../auth/scopes.ts'
import type { Ctx } from '../platform/db/types.ts'
import type { RefusalCode } from '../platform/kernel/errors.ts'
import type { JsonText } from '../platform/kernel/jsonText.ts'
import type { Page } from '../platform/kernel/page.ts'
import type { FileResponse, StreamResponse } from '../platform/kernel/content.ts'
import { bodyLimitOf } from './bodyLimit.ts'
import type { Client } from './client.ts'
import type { LiveResponse } from './liveResponse.ts'

export type Method = 'get' | 'post' | 'patch' | 'put' | 'delete'

/** The conditions under which a client wants its write to happen. */
export interface Preconditions {
  /** The entity tag of `If-Match`, without wildcard. */
  readonly ifMatch: string | null
  /** `X-Paperclip-Lock-Epoch`. */
  readonly lockEpoch: number | null
}

/** A request as it was sent, for a verb that checks its proof itself. */
export interface SignedRequest {
  readonly authorization: string | null
  /** `X-Paperclip-Timestamp`. */
  readonly timestamp: string | null
  /** `X-Paperclip-Signature`. */
  readonly signature: string | null
  /** `Idempotency-Key`. Its verb keeps it: an answer that is stored would be given to who has the key and no proof. */
  readonly idempotencyKey: string | null
  /** The bytes of the body, as they were before they were parsed. */
  readonly rawBody: Buffer
  /** Refuses a request whose proof is wrong, and counts it as a guess of its address. @throws Refusal `unauthorized`, `too_many_guesses` */
  readonly refuse: () => never
}

export interface Input<Q, B> {
  readonly ctx: Ctx
  readonly target: string
  readonly params: Readonly<Record<string, string>>
  readonly query: Q
  readonly body: B
  readonly preconditions: Preconditions
  /** `Last-Event-ID`: the last event of a stream that the client has read. */
  readonly lastEventId: string | null
  readonly client: Client
  /** Only for a route that is `signed`. */
  readonly signed: SignedRequest | null
}

/** The format of a request body: JSON, or a multipart form with one file. */
export type BodyKind = 'json' | 'file'

/** The value that a handler may return for a schema: the schema's input, mutable or readonly. */
export type HandlerResult<T> = T extends readonly (infer I)[]
  ? readonly HandlerResult<I>[]
  : T extends object
    ? { readonly [K in keyof T]: HandlerResult<T[K]> }
    : T

export interface RouteSpec<Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType> {
  /** An imperative sentence without a full stop; it becomes the summary in the OpenAPI document. */
  readonly summary: string
  /** A key of `auth/permissions.ts`. */
  readonly permission: Permission
  readonly scope: Scope
  readonly query?: Q
  readonly body?: B
  /** An empty body is read as `{}`. */
  readonly bodyOptional?: boolean
  /** Default `json`. For `file` the `body` schema has `file: receivedFile` and the other fields of the form. */
  readonly bodyKind?: BodyKind
  /** Maximum in bytes; for a form, of its file. The default follows from the longest text of `body`. */
  readonly bodyLimit?: number
  /** Without an `Idempotency-Key` header, `idempotencyKey` in the body is the key: the tools of an MCP server cannot set headers. */
  readonly keyInBody?: boolean
  /** The answer is an API key with its secret. A repeat shows it only while the key can be used. */
  readonly showsKey?: boolean
  /** It ends the run in its path. The run itself may repeat it with its token, and gets the same answer. */
  readonly endsRun?: boolean
  /**
   * The proof of its caller is a secret of a row, or a signature over the body. No credential of this server is looked up, and the verb gets the
   * request as it was sent.
   */
  readonly signed?: boolean
  readonly returns: R
  /** Default 200. */
  readonly status?: 200 | 201 | 202
  /** Sends 204 without a body when the handler returns null. */
  readonly emptyAs204?: boolean
  /** Another status, for answers that meet a condition. */
  readonly altStatus?: { readonly status: 200 | 201 | 202; readonly when: (value: z.output<R>) => boolean }
  readonly refuses: readonly RefusalCode[]
  /** Extra response headers, computed from the answer. */
  readonly headers?: (value: z.output<R>) => Readonly<Record<string, string>>
  /**
   * The answer is not one JSON document. `lines`: a `StreamResponse` in which each line is a `returns`. `events`: a
   * `LiveResponse` in which each event is a `returns`. `drawing`, `text`: a `StreamResponse` that is one `returns` as a whole.
   * `file`: a `FileResponse`.
   */
  readonly streams?: StreamKind
  /** With `follow=true` in the query the answer is a `LiveResponse` in which each event is a `returns`. */
  readonly follows?: boolean
  /** The answer is a list, and with `format=csv` in the query a file of CSV with this name: a column for each field of its items. */
  readonly csvFile?: string
  readonly handle: (
    input: Input<z.output<Q>, z.output<B>>,
  ) => Promise<HandlerResult<z.input<R>> | StreamResponse | LiveResponse | FileResponse | null>
}

/** The kind of content that a streaming route sends. */
export type StreamKind = 'lines' | 'events' | 'drawing' | 'text' | 'picture' | 'file'

/** A declared endpoint without its type parameters, as `mount` and `openapi` read it. */
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
  readonly showsKey: boolean
  readonly endsRun: boolean
  readonly signed: boolean
  readonly returns: z.ZodType
  readonly paged: boolean
  readonly streams: StreamKind | null
  readonly follows: boolean
  readonly csvFile: string | null
  readonly status: number
  readonly emptyAs204: boolean
  readonly altStatus: { readonly status: number; readonly when: (value: unknown) => boolean } | undefined
  readonly refuses: readonly RefusalCode[]
  readonly headers: ((value: unknown) => Readonly<Record<string, string>>) | undefined
  readonly handle: (input: Input<unknown, unknown>) => Promise<unknown>
}

interface PagedSpec<Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType> extends Omit<
  RouteSpec<Q, B, R>,
  'handle' | 'returns' | 'headers' | 'altStatus' | 'streams' | 'follows'
> {
  /** The schema of one row; the body is the bare array. */
  readonly returnsPageOf: R
  readonly handle: (
    input: Input<z.output<Q>, z.output<B>>,
  ) => Promise<Page<HandlerResult<z.input<R>>> | Page<JsonText<HandlerResult<z.input<R>>>>>
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

/** The limit of the body is computed at the first request: for all routes it would delay the start. */
function lazyBodyLimit({ bodyLimit, body }: AnySpec): () => number {
  let limit = bodyLimit
  return () => (limit ??= bodyLimitOf(body))
}

const declare = (method: Method): Declare =>
  ((path: string, spec: AnySpec): Route => {
    const limitOf = lazyBodyLimit(spec)
    return {
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
      get bodyLimit() {
        return limitOf()
      },
      keyInBody: spec.keyInBody ?? false,
      showsKey: spec.showsKey ?? false,
      endsRun: spec.endsRun ?? false,
      signed: spec.signed ?? false,
      returns: 'returns' in spec ? spec.returns : spec.returnsPageOf,
      paged: !('returns' in spec),
      streams: 'streams' in spec ? (spec.streams ?? null) : null,
      follows: 'follows' in spec && spec.follows === true,
      csvFile: spec.csvFile ?? null,
      status: spec.status ?? 200,
      emptyAs204: spec.emptyAs204 ?? false,
      altStatus: 'altStatus' in spec ? (spec.altStatus as Route['altStatus']) : undefined,
      refuses: spec.refuses,
      headers: 'headers' in spec ? (spec.headers as Route['headers']) : undefined,
      handle: spec.handle as Route['handle'],
    }
  }) as Declare

export const get = declare('get')
export const post = declare('post')
export const patch = declare('patch')
export const put = declare('put')
export const del = declare('delete')

/** Whether a route answers with a file, which has an entity tag. */
export const answersFile = ({ streams }: Pick<Route, 'streams'>): boolean => streams === 'file' || streams === 'picture'
