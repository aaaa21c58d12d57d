import { createHash } from 'node:crypto'
import { Router } from 'express'
import type { Express, Request, Response } from 'express'
import { z } from 'zod'
import { authorize, authorizeTarget } from '../access/permissions.ts'
import type { Ctx } from '../db/context.ts'
import { AnsweredBefore, answeredBefore } from '../db/idempotency.ts'
import type { Answer, IdempotencyClaim } from '../db/idempotency.ts'
import type { Store } from '../db/store.ts'
import { nameActor } from '../kernel/actor.ts'
import type { Actor } from '../kernel/actor.ts'
import { invariant, refuse } from '../kernel/errors.ts'
import type { RefusalCode } from '../kernel/errors.ts'
import type { Page } from '../kernel/page.ts'
import { demandStorable, readBody } from './body.ts'
import { isFile, sendFile } from './file.ts'
import { apiHeaders, expectationsOf, idempotencyKeyOf, lastEventIdOf } from './headers.ts'
import { isLive, sendLive } from './live.ts'
import { readForm, takeUploadSeat, withoutBytes } from './multipart.ts'
import { invalid, understand } from './problem.ts'
import type { Route } from './route.ts'
import { shaped, shapeOf, withoutShape } from './shape.ts'
import type { Shape } from './shape.ts'
import { isStream, sendStream } from './stream.ts'

export interface MountDeps {
  readonly store: Store
  /** Who makes the request; throws a Refusal for a bad credential. */
  readonly identify: (request: Request) => Promise<Actor>
  /** Called for every request that names a run, before it is handled: renews its lease when due. */
  readonly keepAlive: (actor: Actor) => Promise<void>
  /** Seals the answers kept for Idempotency-Keys. */
  readonly sealingKey: Buffer
  /** Development and tests: every answer is checked against its declaration, and so is every refusal. */
  readonly checkAnswers: boolean
}

/** What the request log wants to know of a request; filled in on the way. */
export interface Trace {
  readonly requestId: string
  /** The id of the caller's trace, where it sent one. */
  traceId?: string
  actor?: Actor
  route?: Route
  /** Counts and logs the request once its answer is over. */
  readonly over: () => void
}

/** Refusals that any route may answer with; a route lists only its own. */
const everywhere: ReadonlySet<RefusalCode> = new Set([
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

const hashOf = (query: unknown, body: unknown): string =>
  createHash('sha256')
    .update(canonical([query, body ?? null]))
    .digest('base64url')

/** JSON with sorted keys: the same request sent by another client is still the same request. */
function canonical(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`
}

const parse = (schema: z.ZodType | undefined, value: unknown): unknown => {
  if (schema === undefined) return undefined
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw invalid(parsed.error)
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
  const known = pages.get(route) ?? z.array(route.returns)
  pages.set(route, known)
  return known
}

/** Turns what a handler returned into what goes out. */
function present(deps: MountDeps, route: Route, request: Request, shape: Shape, value: unknown): Answer {
  if (value === null && route.or204) return { status: 204, headers: {}, body: '' }
  const body = route.paged ? (value as Page<unknown>).items : value
  if (deps.checkAnswers) {
    const checked = checkedSchema(route).safeParse(body)
    invariant(checked.success, `${route.operationId} answers otherwise than declared: ${JSON.stringify(checked.error?.issues.slice(0, 3))}`)
  }
  const { body: text, headers: applied } = shaped(body, shape)
  const headers = {
    ...(route.paged ? linkOf(request, value as Page<unknown>) : {}),
    ...route.headers?.(value),
    ...applied,
  }
  const status = route.also?.when(value) === true ? route.also.status : route.status
  return { status, headers, body: text }
}

/** A claim on an Idempotency-Key, and what its mutation stored under it. */
interface Claim extends IdempotencyClaim {
  readonly stored: () => { readonly value: unknown; readonly answer: Answer } | undefined
}

const keyed = z.object({ idempotencyKey: z.string().min(1).max(255) })

/** The `idempotencyKey` of a body; one that is none is for the route's own schema to refuse. */
const keyWithin = (body: unknown): string | null => keyed.safeParse(body).data?.idempotencyKey ?? null

/** One word for who asks. */
function whoIs(actor: Actor): string {
  const { actorType, actorId } = nameActor(actor)
  return `${actorType}:${actorId}`
}

function claimOf(deps: MountDeps, route: Route, request: Request, shape: Shape, actor: Actor, body: unknown): Claim | null {
  if (route.method !== 'post') return null
  const key = idempotencyKeyOf(request.headers) ?? (route.keyInBody ? keyWithin(body) : null)
  if (key === null) return null
  let stored: ReturnType<Claim['stored']>
  return {
    actor: whoIs(actor),
    // By the declaration, not the URL: a slash at its end or another spelling of an escape is the same request.
    route: `POST ${route.path.replaceAll(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(request.params[name])))}`.toLowerCase(),
    key,
    requestHash: hashOf(request.query, route.takes === 'file' ? withoutBytes(body as Record<string, unknown>) : body),
    sealingKey: deps.sealingKey,
    answer(value) {
      stored = { value, answer: present(deps, route, request, shape, value) }
      return stored.answer
    },
    stored: () => stored,
  }
}

/** The answer of a handler. Under a key it is the very one that was stored, or a replay would tell another story (I9). */
function answerOf(deps: MountDeps, route: Route, request: Request, shape: Shape, claim: Claim | null, value: unknown): Answer {
  const stored = claim?.stored()
  if (stored === undefined) return present(deps, route, request, shape, value)
  invariant(stored.value === value, `${route.operationId} must answer with what its mutation returned`)
  return stored.answer
}

const apiHeaderList = Object.entries(apiHeaders).flat()
const jsonType = ['Content-Type', 'application/json; charset=utf-8'] as const

/** Sends an answer that is complete. */
function send(response: Response, trace: Trace, answer: Answer, replayed: boolean): void {
  // As a flat list: an object of twenty headers that is thrown away is nine kilobytes of garbage.
  const headers = [...apiHeaderList, 'X-Request-Id', trace.requestId]
  if (answer.status !== 204) headers.push(...jsonType, 'Content-Length', String(Buffer.byteLength(answer.body)))
  for (const [name, value] of Object.entries(answer.headers)) headers.push(name, value)
  if (replayed) headers.push('Idempotency-Replayed', 'true')
  response.writeHead(answer.status, headers)
  response.end(answer.body)
}

/**
 * The fixed order of every request: identify, authorize, find the place, read and parse, handle, present. Nothing is
 * looked up for a caller who may not ask, and nothing of a body is read before the caller is known.
 */
async function serve(deps: MountDeps, route: Route, request: Request, response: Response): Promise<void> {
  const seats: (() => void)[] = []
  try {
    await attend(deps, route, request, response, seats)
  } finally {
    for (const leave of seats) leave()
  }
}

/** @param seats what the request has taken and gives back when it is over */
async function attend(deps: MountDeps, route: Route, request: Request, response: Response, seats: (() => void)[]): Promise<void> {
  const trace = response.locals['trace'] as Trace
  trace.route = route
  const actor = await deps.identify(request)
  trace.actor = actor
  authorize(route.permission, actor)
  await deps.keepAlive(actor)

  const params = request.params as Record<string, string>
  demandStorable(params)
  const rawQuery: Readonly<Record<string, unknown>> = request.url.includes('?') ? request.query : {}
  demandStorable(rawQuery)
  const shape = shapeOf(route, request, rawQuery)
  if (route.takes === 'file') seats.push(takeUploadSeat(whoIs(actor)))
  const body = route.method === 'get' ? undefined : await bodyOf(route, request, response)

  const claim = claimOf(deps, route, request, shape, actor, body)
  if (claim !== null) {
    const before = await answeredBefore(deps.store.read, claim)
    if (before !== null) return send(response, trace, before, true)
  }

  const place = await route.scope({ actor, params, query: rawQuery, db: deps.store.read })
  authorizeTarget(route.permission, actor, place.target)
  const ctx: Ctx = { actor, companyId: place.companyId, requestId: trace.requestId, store: deps.store, idempotency: claim }
  const input = {
    ctx,
    target: place.target,
    params,
    query: parse(route.query, withoutShape(rawQuery)),
    body: parse(route.body, body ?? (route.bodyOptional ? {} : undefined)),
    expects: expectationsOf(request.headers),
    lastEventId: lastEventIdOf(request.headers),
  }
  try {
    const value = await route.handle(input)
    if (route.streams !== null) {
      const headers = { ...apiHeaders, 'X-Request-Id': trace.requestId }
      if (isFile(value)) return await sendFile(request, response, headers, value)
      if (isStream(value)) return await sendStream(response, route.status, headers, value)
      if (isLive(value)) return goLive(response, trace, () => sendLive(response, route.status, headers, value))
    }
    send(response, trace, answerOf(deps, route, request, shape, claim, value), false)
  } catch (error) {
    if (!(error instanceof AnsweredBefore)) throw error
    invariant(!deps.checkAnswers || claim?.stored() === undefined, `${route.operationId} makes two mutations of one request`)
    send(response, trace, error.answer, true)
  }
}

const bodyOf = async (route: Route, request: Request, response: Response): Promise<unknown> =>
  route.takes === 'file' ? await readForm(request, response, route.bodyLimit) : await readBody(request, response, route.bodyLimit)

/** A reader that leaves is the usual end of a live answer, and such an answer never finishes. */
function goLive(response: Response, trace: Trace, start: () => void): void {
  response.once('close', () => {
    if (!response.writableFinished) trace.over()
  })
  start()
}

function demandDeclared(deps: MountDeps, route: Route, error: unknown): void {
  if (!deps.checkAnswers) return
  const refusal = understand(error)
  if (refusal === undefined || everywhere.has(refusal.code) || route.refuses.includes(refusal.code)) return
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
        await serve(deps, route, request, response)
      } catch (error) {
        demandDeclared(deps, route, error)
        throw error
      }
    })
  }
  for (const [prefix, group] of groups) app.use(prefix, group)
}

/** For paths below `/api` that no route matches. */
export const noSuchRoute = (): never => refuse('route_not_found')
