import { createHash } from 'node:crypto'
import { Router } from 'express'
import type { Express, Request, Response } from 'express'
import { z } from 'zod'
import { authorize, authorizeTarget } from '../auth/permissions.ts'
import type { Ctx, IdempotentRequest, RenderedResponse, Store } from '../platform/db/types.ts'
import { IdempotentReplay, findStoredResponse } from '../platform/db/idempotency.ts'
import { actorColumns } from '../platform/kernel/actor.ts'
import type { Actor } from '../platform/kernel/actor.ts'
import { invariant, refuse } from '../platform/kernel/errors.ts'
import type { RefusalCode } from '../platform/kernel/errors.ts'
import type { Page } from '../platform/kernel/page.ts'
import { requireStorable, readBody } from './body.ts'
import { isFileResponse, sendFile } from './fileResponse.ts'
import { apiHeaders, preconditionsOf, idempotencyKeyOf, lastEventIdOf } from './headers.ts'
import { isLiveResponse, sendLiveResponse } from './liveResponse.ts'
import { readForm, acquireUploadSlot, withoutBytes } from './multipart.ts'
import { validationFailed, toRefusal } from './problem.ts'
import type { Route } from './route.ts'
import { project, projectionOf, withoutProjectionParameters } from './projection.ts'
import type { Projection } from './projection.ts'
import { isStreamResponse, sendStream } from './streamResponse.ts'

export interface MountDeps {
  readonly store: Store
  /** Who makes the request; throws a Refusal for a bad credential. */
  readonly identify: (request: Request) => Promise<Actor>
  /** Called for every request that names a run, before it is handled: renews its lease when due. */
  readonly renewLeaseIfDue: (actor: Actor) => Promise<void>
  /** Seals the answers kept for Idempotency-Keys. */
  readonly encryptionKey: Buffer
  /** Development and tests: every answer is checked against its declaration, and so is every refusal. */
  readonly validateResponses: boolean
}

/** What the request log wants to know of a request; filled in on the way. */
export interface RequestTrace {
  readonly requestId: string
  /** The id of the caller's trace, where it sent one. */
  traceId?: string
  actor?: Actor
  route?: Route
  /** Counts and logs the request once its answer is over. */
  readonly onFinished: () => void
}

/** Refusals that any route may answer with; a route lists only its own. */
const commonRefusals: ReadonlySet<RefusalCode> = new Set([
  'validation_failed',
  'bad_request',
  'malformed_json',
  'malformed_form',
  'malformed_id',
  'malformed_run_id',
  'malformed_header',
  'malformed_cursor',
  'unauthorized',
  'agent_required',
  'board_required',
  'admin_required',
  'forbidden',
  'not_self',
  'host_not_allowed',
  'origin_not_allowed',
  'not_found',
  'company_needed',
  'shortname_ambiguous',
  'run_id_mismatch',
  'run_unknown',
  'run_ended',
  'body_too_large',
  'unsupported_media_type',
  'file_empty',
  'file_too_large',
  'idempotency_in_flight',
  'idempotency_mismatch',
  'conflict',
  'unavailable',
  'busy',
  'unknown_reference',
  'unprocessable',
])

const requestHashOf = (query: unknown, body: unknown): string =>
  createHash('sha256')
    .update(canonicalJson([query, body ?? null]))
    .digest('base64url')

/** JSON with sorted keys: the same request sent by another client is still the same request. */
function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`
}

const parse = (schema: z.ZodType | undefined, value: unknown): unknown => {
  if (schema === undefined) return undefined
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw validationFailed(parsed.error)
  return parsed.data
}

/** The `Link` header of a page that has a next one: this URL with another cursor. */
function linkOf(request: Request, page: Page<unknown>): Record<string, string> {
  if (page.next === null) return {}
  const url = new URL(request.originalUrl, 'http://localhost')
  url.searchParams.set('after', page.next)
  return { Link: `<${url.pathname}${url.search}>; rel="next"` }
}

const pages = new WeakMap<Route, z.ZodType>()

function checkedSchema(route: Route): z.ZodType {
  if (!route.paged) return route.returns
  const schema = pages.get(route) ?? z.array(route.returns)
  pages.set(route, schema)
  return schema
}

/** Turns what a handler returned into what goes out. */
function renderResponse(deps: MountDeps, route: Route, request: Request, projection: Projection, value: unknown): RenderedResponse {
  if (value === null && route.emptyAs204) return { status: 204, headers: {}, body: '' }
  const body = route.paged ? (value as Page<unknown>).items : value
  if (deps.validateResponses) {
    const checked = checkedSchema(route).safeParse(body)
    invariant(checked.success, `${route.operationId} answers otherwise than declared: ${JSON.stringify(checked.error?.issues.slice(0, 3))}`)
  }
  const { body: text, headers: applied } = project(body, projection)
  const headers = {
    ...(route.paged ? linkOf(request, value as Page<unknown>) : {}),
    ...route.headers?.(value),
    ...applied,
  }
  const status = route.altStatus?.when(value) === true ? route.altStatus.status : route.status
  return { status, headers, body: text }
}

/** A claim on an Idempotency-Key, and what its mutation stored under it. */
interface CapturedRequest extends IdempotentRequest {
  readonly stored: () => { readonly value: unknown; readonly rendered: RenderedResponse } | undefined
}

const bodyWithKey = z.object({ idempotencyKey: z.string().min(1).max(255) })

/** The `idempotencyKey` of a body; one that is none is for the route's own schema to refuse. */
const idempotencyKeyIn = (body: unknown): string | null => bodyWithKey.safeParse(body).data?.idempotencyKey ?? null

/** One word for who asks. */
function actorKeyOf(actor: Actor): string {
  const { actorType, actorId } = actorColumns(actor)
  return `${actorType}:${actorId}`
}

function idempotencyOf(
  deps: MountDeps,
  route: Route,
  request: Request,
  projection: Projection,
  actor: Actor,
  body: unknown,
): CapturedRequest | null {
  if (route.method !== 'post') return null
  const key = idempotencyKeyOf(request.headers) ?? (route.keyInBody ? idempotencyKeyIn(body) : null)
  if (key === null) return null
  let stored: ReturnType<CapturedRequest['stored']>
  return {
    actor: actorKeyOf(actor),
    // By the declaration, not the URL: a slash at its end or another spelling of an escape is the same request.
    route: `POST ${route.path.replaceAll(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(request.params[name])))}`.toLowerCase(),
    key,
    requestHash: requestHashOf(request.query, route.bodyKind === 'file' ? withoutBytes(body as Record<string, unknown>) : body),
    encryptionKey: deps.encryptionKey,
    render(value) {
      stored = { value, rendered: renderResponse(deps, route, request, projection, value) }
      return stored.rendered
    },
    stored: () => stored,
  }
}

/** The answer of a handler. Under a key it is the very one that was stored, or a replay would tell another story (I9). */
function responseOf(
  deps: MountDeps,
  route: Route,
  request: Request,
  projection: Projection,
  idempotency: CapturedRequest | null,
  value: unknown,
): RenderedResponse {
  const stored = idempotency?.stored()
  if (stored === undefined) return renderResponse(deps, route, request, projection, value)
  invariant(stored.value === value, `${route.operationId} must answer with what its mutation returned`)
  return stored.rendered
}

const apiHeaderList = Object.entries(apiHeaders).flat()
const jsonType = ['Content-Type', 'application/json; charset=utf-8'] as const

/** Sends an answer that is complete. */
function send(response: Response, trace: RequestTrace, rendered: RenderedResponse, replayed: boolean): void {
  // As a flat list: an object of twenty headers that is thrown away is nine kilobytes of garbage.
  const headers = [...apiHeaderList, 'X-Request-Id', trace.requestId]
  if (rendered.status !== 204) headers.push(...jsonType, 'Content-Length', String(Buffer.byteLength(rendered.body)))
  for (const [name, value] of Object.entries(rendered.headers)) headers.push(name, value)
  if (replayed) headers.push('Idempotency-Replayed', 'true')
  response.writeHead(rendered.status, headers)
  response.end(rendered.body)
}

/**
 * The fixed order of every request: identify, authorize, find the place, read and parse, handle, present. Nothing is
 * looked up for a caller who may not ask, and nothing of a body is read before the caller is known.
 */
async function serveRequest(deps: MountDeps, route: Route, request: Request, response: Response): Promise<void> {
  const releases: (() => void)[] = []
  try {
    await handleRequest(deps, route, request, response, releases)
  } finally {
    for (const release of releases) release()
  }
}

/** @param releases what the request has taken and gives back when it is over */
async function handleRequest(deps: MountDeps, route: Route, request: Request, response: Response, releases: (() => void)[]): Promise<void> {
  const trace = response.locals['trace'] as RequestTrace
  trace.route = route
  const actor = await deps.identify(request)
  trace.actor = actor
  authorize(route.permission, actor)
  await deps.renewLeaseIfDue(actor)

  const params = request.params as Record<string, string>
  requireStorable(params)
  const rawQuery: Readonly<Record<string, unknown>> = request.url.includes('?') ? request.query : {}
  requireStorable(rawQuery)
  const projection = projectionOf(route, request, rawQuery)
  if (route.bodyKind === 'file') releases.push(acquireUploadSlot(actorKeyOf(actor)))
  const body = route.method === 'get' ? undefined : await bodyOf(route, request, response)

  const idempotency = idempotencyOf(deps, route, request, projection, actor, body)
  if (idempotency !== null) {
    const storedResponse = await findStoredResponse(deps.store.read, idempotency)
    if (storedResponse !== null) return send(response, trace, storedResponse, true)
  }

  const target = await route.scope({ actor, params, query: rawQuery, db: deps.store.read })
  authorizeTarget(route.permission, actor, target.id)
  const ctx: Ctx = { actor, companyId: target.companyId, requestId: trace.requestId, store: deps.store, idempotency }
  const input = {
    ctx,
    target: target.id,
    params,
    query: parse(route.query, withoutProjectionParameters(rawQuery)),
    body: parse(route.body, body ?? (route.bodyOptional ? {} : undefined)),
    preconditions: preconditionsOf(request.headers),
    lastEventId: lastEventIdOf(request.headers),
  }
  try {
    const value = await route.handle(input)
    if (route.streams !== null) {
      const headers = { ...apiHeaders, 'X-Request-Id': trace.requestId }
      if (isFileResponse(value)) return await sendFile(request, response, headers, value)
      if (isStreamResponse(value)) return await sendStream(response, route.status, headers, value)
      if (isLiveResponse(value)) return startLive(response, trace, () => sendLiveResponse(response, route.status, headers, value))
    }
    send(response, trace, responseOf(deps, route, request, projection, idempotency, value), false)
  } catch (error) {
    if (!(error instanceof IdempotentReplay)) throw error
    invariant(!deps.validateResponses || idempotency?.stored() === undefined, `${route.operationId} makes two mutations of one request`)
    send(response, trace, error.response, true)
  }
}

const bodyOf = async (route: Route, request: Request, response: Response): Promise<unknown> =>
  route.bodyKind === 'file' ? await readForm(request, response, route.bodyLimit) : await readBody(request, response, route.bodyLimit)

/** A reader that leaves is the usual end of a live answer, and such an answer never finishes. */
function startLive(response: Response, trace: RequestTrace, start: () => void): void {
  response.once('close', () => {
    if (!response.writableFinished) trace.onFinished()
  })
  start()
}

function requireDeclared(deps: MountDeps, route: Route, error: unknown): void {
  if (!deps.validateResponses) return
  const refusal = toRefusal(error)
  if (refusal === undefined || commonRefusals.has(refusal.code) || route.refuses.includes(refusal.code)) return
  throw new Error(`invariant broken: ${route.operationId} refuses with undeclared ${refusal.code}`)
}

/**
 * Mounts declared routes on an Express application. Routes are grouped by the first words of their path, because Express
 * tries one route after the other and a flat list of a hundred costs more than the query behind it.
 */
export function mount(app: Express, routes: readonly Route[], deps: MountDeps): void {
  const groups = new Map<string, Router>()
  for (const route of routes) {
    const [, prefix = '/', rest = '/'] = /^(\/api\/[^/:]+)(\/.*)?$/.exec(route.path) ?? []
    const group = groups.get(prefix) ?? Router({ caseSensitive: true })
    groups.set(prefix, group)
    group[route.method](rest, async (request: Request, response: Response) => {
      try {
        await serveRequest(deps, route, request, response)
      } catch (error) {
        requireDeclared(deps, route, error)
        throw error
      }
    })
  }
  for (const [prefix, group] of groups) app.use(prefix, group)
}

/** For paths below `/api` that no route matches. */
export const refuseUnknownRoute = (): never => refuse('route_not_found')
