import { Router } from 'express'
import type { Express, Request, Response } from 'express'
import type { z } from 'zod'
import { authorize, authorizeTarget } from '../auth/authorize.ts'
import { actorIn } from '../auth/roles.ts'
import { admissionOf } from '../auth/mayWrite.ts'
import { IdempotentReplay, findStoredResponse } from '../platform/db/idempotency.ts'
import type { Ctx, StoredAnswer } from '../platform/db/types.ts'
import type { EndedActor } from '../auth/identify.ts'
import type { Actor } from '../platform/kernel/actor.ts'
import { invariant, Refusal, refuse } from '../platform/kernel/errors.ts'
import { bodyBytesOf, keepRawBody, requireStorable, readBody, refuseHoldFields } from './body.ts'
import { PAGE_BYTES } from '../platform/kernel/page.ts'
import type { Page } from '../platform/kernel/page.ts'
import { requireDeclaredRefusal } from './declaredRefusals.ts'
import { storeFor } from './exchange.ts'
import type { Exchange, IdentifiedExchange, MountDeps, RequestTrace } from './exchange.ts'
import { lastEventIdOf, preconditionsOf, requireEvaluated } from './headers.ts'
import { earlierAnswerOf, idempotentRequestOf, requireShowable, responseOf } from './idempotentRequest.ts'
import type { CapturedRequest } from './idempotentRequest.ts'
import { acquireUploadSlot, readForm } from './multipart.ts'
import { refuseInvalid } from './problem.ts'
import { projectionOf } from './projection.ts'
import { clientOf } from './client.ts'
import { declaredParameters } from './query.ts'
import { renderPage } from './renderResponse.ts'
import { signedRequestOf, UNPROVED } from './signedRequest.ts'
import type { Input, Route } from './route.ts'
import { renderResponse } from './renderResponse.ts'
import { sendRendered, sendStreamed } from './sendResponse.ts'
import { readerOf } from './traffic.ts'

/**
 * Mounts declared routes on an Express application. Routes are grouped by the first two segments of their path, because
 * Express tries one route after the other: a flat list of a hundred routes costs more than the query of the request.
 */
export function mount(app: Express, routes: readonly Route[], deps: MountDeps): void {
  const groups = new Map<string, Router>()
  for (const route of routes) {
    // Texts for models have paths outside of `/api`.
    const [, prefix = '/', rest = '/'] = /^(\/api\/[^/:]+)(\/.*)?$/.exec(route.path) ?? [route.path, '/', route.path]
    const group = groups.get(prefix) ?? Router({ caseSensitive: true })
    groups.set(prefix, group)
    group[route.method](rest, async (request: Request, response: Response) => {
      const trace = response.locals['trace'] as RequestTrace
      trace.route = route
      try {
        await serveRequest({ deps, route, request, response, trace })
      } catch (error) {
        requireDeclaredRefusal({ deps, route }, error)
        throw error
      }
    })
  }
  for (const [prefix, group] of groups) app.use(prefix, group)
}

/**
 * The fixed order of every request: identify, authorize, read and parse the body, find the row, handle, send. Nothing is
 * looked up for a caller without the permission, and no part of a body is read before the caller is known.
 */
async function serveRequest(exchange: Exchange): Promise<void> {
  const actor = exchange.route.signed
    ? UNPROVED
    : await exchange.deps.identify(exchange.request).catch((error: unknown) => answerEndedRun(exchange, error))
  if (actor === null) return
  const identified = await admitCaller(exchange, actor)
  const releaseSlot = exchange.route.bodyKind === 'file' ? acquireUploadSlot(identified.reader) : undefined
  try {
    await (identified.route.paged ? handlePage(identified) : handleRequest(identified))
  } finally {
    releaseSlot?.()
  }
}

/** Handles the request for a page when it is the turn of its caller, whose earlier pages may have been left unread meanwhile. */
async function handlePage(exchange: IdentifiedExchange): Promise<void> {
  const { traffic } = exchange.deps
  await traffic.pages.run(exchange.reader, async () => {
    if (exchange.request.socket.destroyed) return
    traffic.answers.requireRoom(exchange.reader, PAGE_BYTES)
    await handleRequest(exchange)
  })
}

const noQuery: Readonly<Record<string, unknown>> = Object.freeze({})

/**
 * Answers a request with the token of a run that has ended, when it repeats one that this token made before: the first may have ended the
 * run, and its answer may have been lost (I9). Such a token opens nothing else.
 * @param error why the credential was refused
 * @returns null when the request is answered
 * @throws the error in every other case
 */
async function answerEndedRun(exchange: Exchange, error: unknown): Promise<null> {
  const { deps, route, request } = exchange
  if (!(error instanceof Refusal) || error.code !== 'unauthorized' || route.method === 'get' || route.bodyKind === 'file') throw error
  const ended = await deps.identifyEnded(request)
  if (ended === null) throw error
  try {
    if (await sendAgain(exchange, ended)) return null
  } catch (refusal) {
    // Another request, or another outcome, is no repeat: the credential has ended. Beyond that the server may be busy.
    throw refusal instanceof Refusal && refusal.status < TOO_MANY_REQUESTS ? error : refusal
  }
  throw error
}

const TOO_MANY_REQUESTS = 429

/** Sends the answer that a token got before its run ended. @returns false when it got none, and then nothing has been sent */
async function sendAgain(exchange: Exchange, { actor, hasEndedItself }: EndedActor): Promise<boolean> {
  const { route } = exchange
  const identified = await admitCaller(exchange, actor)
  const body = await bodyOf(identified)
  const idempotency = idempotentRequestOf(identified, body)
  const stored = idempotency === null ? null : await findStoredResponse(storeFor(identified).read, idempotency)
  if (stored !== null && stored.madeWith === idempotency?.madeWith) {
    await sendReplay(identified, stored)
    return true
  }
  if (!route.endsRun || !hasEndedItself) return false
  const input = await inputOf(identified, body, null)
  if (input.target !== actor.runId) return false
  await sendRendered(identified, renderResponse(identified, await route.handle(input)), true)
  return true
}

async function admitCaller(exchange: Exchange, actor: Actor): Promise<IdentifiedExchange> {
  const { deps, route, request, response, trace } = exchange
  trace.actor = actor
  const remaining = deps.requestQuotas.takeRequest(actor)
  if (remaining !== null) response.setHeaders(new Map(Object.entries(remaining)))
  const reader = readerOf(actor)
  if (actor.kind !== 'anonymous') deps.traffic.connections.attribute(request.socket, reader)
  authorize(route.permission, actor)
  requireEvaluated(route, request.headers)
  deps.traffic.answers.requireRoom(reader, 0)
  await deps.renewLeaseIfDue(actor)
  requireStorable(request.params)
  const rawQuery: Readonly<Record<string, unknown>> = request.url.includes('?') ? request.query : noQuery
  requireStorable(rawQuery)
  const parameters = rawQuery === noQuery ? noQuery : declaredParameters(route, rawQuery)
  return { ...exchange, actor, reader, parameters, projection: projectionOf(route, request, rawQuery) }
}

async function handleRequest(admitted: IdentifiedExchange): Promise<void> {
  const { deps, route, request } = admitted
  // Most bodies are here with their headers. One that is not may be held back.
  const wasWhole = route.method === 'get' || request.complete
  const body = route.method === 'get' ? undefined : await bodyOf(admitted)
  const { exchange, hasEnded } = wasWhole ? { exchange: admitted, hasEnded: null } : await identifiedAgain(admitted)
  const idempotency = idempotentRequestOf(exchange, body)
  const earlier = await earlierAnswerOf(exchange, idempotency)
  if (earlier !== null) return await sendReplay(exchange, earlier)
  // The end of a run is decided by its transaction, which knows whether the run has ended itself.
  if (hasEnded !== null && !route.endsRun) throw hasEnded
  const input = await inputOf(exchange, body, idempotency)
  try {
    const value = await route.handle(input)
    if ((route.streams !== null || route.follows) && (await sendStreamed(exchange, value))) return
    await sendRendered(
      exchange,
      route.paged ? await renderPage(exchange, value as Page<unknown>) : responseOf(exchange, idempotency, value),
      false,
    )
  } catch (error) {
    if (!(error instanceof IdempotentReplay)) throw error
    invariant(!deps.validateResponses || idempotency?.stored() === undefined, `${route.operationId} makes two mutations of one request`)
    await sendReplay(exchange, error.response)
  }
}

interface Again {
  readonly exchange: IdentifiedExchange
  /** The refusal of a token that has ended meanwhile. It may only repeat what it has done. */
  readonly hasEnded: Refusal | null
}

/**
 * The exchange with its caller as it is behind the body, which the caller may have held back for a minute: what was withdrawn meanwhile
 * counts (I16).
 * @throws Refusal as `identify` and `authorize`
 */
async function identifiedAgain(exchange: IdentifiedExchange): Promise<Again> {
  const { deps, route, request, trace, actor: before } = exchange
  if (!canBeWithdrawn(before)) return { exchange, hasEnded: null }
  try {
    const actor = await deps.identify(request)
    authorize(route.permission, actor)
    trace.actor = actor
    return { exchange: { ...exchange, actor }, hasEnded: null }
  } catch (error) {
    const isToken = before.kind === 'agent' && before.via === 'token'
    if (isToken && error instanceof Refusal && error.code === 'unauthorized') return { exchange, hasEnded: error }
    throw error
  }
}

/** Whether a caller acts by something that ends. The account of a connection and the token of the board do not end under a request. */
const canBeWithdrawn = (actor: Actor): boolean =>
  actor.kind === 'agent' || (actor.kind === 'board' && actor.via !== 'ambient' && actor.via !== 'token')

async function sendReplay(exchange: IdentifiedExchange, stored: StoredAnswer): Promise<void> {
  await requireShowable(exchange, stored)
  await sendRendered(exchange, stored, true)
}

async function bodyOf(exchange: IdentifiedExchange): Promise<unknown> {
  const { deps, route, request, response, actor } = exchange
  const read = route.bodyKind === 'file' ? readForm : readBody
  if (route.signed) keepRawBody(request)
  const body = await read(request, response, route.bodyLimit)
  deps.requestQuotas.takeBytes(actor, bodyBytesOf(request))
  // The payload of a webhook names nothing of this server.
  if (!route.signed) refuseHoldFields(body)
  return await covered(exchange, body)
}

/** The body of a run has none of the secrets that the run was given (I17). They stand in its environment, and programs print it. */
async function covered(exchange: IdentifiedExchange, body: unknown): Promise<unknown> {
  const { deps, actor, request } = exchange
  if (actor.kind !== 'agent' || actor.runId === null) return body
  const { companyId, agentId, runId } = actor
  const cover = await deps.coverOfRun(storeFor(exchange).read, { companyId, agentId, runId })
  if (cover === null) return body
  if (cover.json(request.params) !== request.params) refuse('bad_request', { message: 'The path has the value of a secret' })
  return cover.json(body)
}

/** Finds the row of the path, authorizes the caller for it, and parses query, body and headers for the handler. */
async function inputOf(exchange: IdentifiedExchange, body: unknown, idempotency: CapturedRequest | null): Promise<Input<unknown, unknown>> {
  const { deps, route, request, trace, parameters } = exchange
  const params = request.params as Record<string, string>
  const store = storeFor(exchange)
  const target = await route.scope({
    actor: exchange.actor,
    params,
    query: parameters,
    db: store.read,
    // Only a read may rest on what was true a second ago.
    ...(route.method === 'get' ? { issueCompanies: deps.issueCompanies } : {}),
  })
  const actor = actorIn(exchange.actor, route.permission, target.companyId)
  authorizeTarget(route.permission, actor, target.id)
  const admit = admissionOf(actor)
  const ctx: Ctx = {
    actor,
    companyId: target.companyId,
    requestId: trace.requestId,
    store,
    idempotency,
    quotas: deps.quotas,
    ...(admit === null ? {} : { admit }),
  }
  return {
    ctx,
    target: target.id,
    params,
    query: parse(route.query, parameters),
    body: parse(route.body, body ?? (route.bodyOptional ? {} : undefined)),
    preconditions: preconditionsOf(request.headers),
    lastEventId: lastEventIdOf(request.headers),
    client: clientOf(request, deps),
    signed: route.signed ? signedRequestOf(request, deps) : null,
  }
}

function parse(schema: z.ZodType | undefined, value: unknown): unknown {
  if (schema === undefined) return undefined
  const parsed = schema.safeParse(value)
  return parsed.success ? parsed.data : refuseInvalid(parsed.error)
}
