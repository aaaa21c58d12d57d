import type { IncomingMessage } from 'node:http'
import express from 'express'
import type { Express, NextFunction, Request, Response } from 'express'
import swaggerUi from 'swagger-ui-express'
import { identify } from '../auth/identify.ts'
import { createCredentialCache } from '../auth/credentialCache.ts'
import { responseEncryptionKey } from '../auth/runTokens.ts'
import type { RunTokens } from '../auth/runTokens.ts'
import type { Adapters } from '../adapters/index.ts'
import { allRoutes } from './routes.ts'
import type { HeadFile } from '../observe/audit/index.ts'
import type { Store } from '../platform/db/types.ts'
import { requireTrustedOrigin, isLoopbackHost } from '../http/trustedOrigin.ts'
import { apiHeaders, pageHeaders, requestIdOf, traceParentOf, traceResponseOf } from '../http/headers.ts'
import { mount, refuseUnknownRoute } from '../http/mount.ts'
import type { RequestTrace } from '../http/exchange.ts'
import { openapi } from '../http/openapi.ts'
import { internalError, sendProblem, toRefusal } from '../http/problem.ts'
import type { Route } from '../http/route.ts'
import type { OnUpgrade } from '../http/httpServer.ts'
import type { Actor } from '../platform/kernel/actor.ts'
import type { Log } from '../platform/kernel/log.ts'
import { createMetrics, metricsPage } from '../observe/metrics/index.ts'
import type { Metrics } from '../observe/metrics/index.ts'
import { createSockets } from '../observe/events/index.ts'
import type { Feed, SocketOptions, StreamOptions } from '../observe/events/index.ts'
import { createLeaseKeeper } from '../engine/runs/lease.ts'

export interface AppDeps {
  readonly store: Store
  readonly tokens: RunTokens
  readonly adapters: Adapters
  /** The secret that run tokens are signed with; keys for other purposes are derived from it. */
  readonly secret: string
  readonly log: Log
  /** The heads of the audit chains, noted outside the database. */
  readonly heads: HeadFile
  readonly version: string
  readonly allowedHostnames: readonly string[]
  /** What happens, for those who follow along. */
  readonly feed: Feed
  /** Lets a scraper read the metrics from elsewhere. */
  readonly metricsToken: string | null
  /** Other bounds for those who follow along than the usual ones. */
  readonly eventOptions?: StreamOptions & SocketOptions
  /** Development and tests: answers are checked against their declarations. */
  readonly validateResponses: boolean
}

/** One line per request: an allow-list of facts, never a body, a header or a query. */
function logRequest(log: Log, response: Response, startedAt: number, code: string | undefined): void {
  const { requestId, actor, route, traceId } = response.locals['trace'] as RequestTrace
  const facts = {
    requestId,
    ...(traceId === undefined || traceId === requestId ? {} : { traceId }),
    route: route?.operationId,
    status: response.statusCode,
    ms: Math.round((performance.now() - startedAt) * 10) / 10,
    actor: actor?.kind,
    ...(actor?.kind === 'agent' ? { agentId: actor.agentId, runId: actor.runId } : {}),
    ...(code === undefined ? {} : { code, permission: route?.permission }),
  }
  if (response.statusCode >= 500) log.error(facts, 'request failed')
  else if (response.statusCode === 403) log.warn(facts, 'request denied')
  else log.info(facts, 'request')
}

function mountDocs(app: Express, routes: readonly Route[], version: string): void {
  const document = openapi(routes, version)
  const text = JSON.stringify(document)
  app.get('/api/openapi.json', (_request, response) => {
    response.writeHead(200, { ...apiHeaders, 'Content-Type': 'application/json; charset=utf-8' })
    response.end(text)
  })
  app.use(
    '/api/docs',
    (_request: Request, response: Response, next: NextFunction) => {
      response.set(pageHeaders)
      next()
    },
    swaggerUi.serve,
    // The page would otherwise ask a validator on the internet about every document it shows.
    swaggerUi.setup(document, { swaggerOptions: { validatorUrl: null } }),
  )
}

/** Counts a request, and says in the log that it was answered. */
function recordRequest(deps: AppDeps, metrics: Metrics, response: Response, startedAt: number): void {
  const { route } = response.locals['trace'] as RequestTrace
  metrics.observe(route, response.statusCode, performance.now() - startedAt)
  logRequest(deps.log, response, startedAt, response.locals['code'] as string | undefined)
}

/** What a server is made of: the application, and who answers those that would go on as a WebSocket. */
export interface App {
  readonly handle: Express
  readonly onUpgrade: OnUpgrade
}

/**
 * Builds the server's Express application with every route mounted. Nothing is listened to and nothing is scheduled, so
 * a test can have one per file.
 */
export function buildApp(deps: AppDeps): App {
  const { store, log } = deps
  const app = express()
  app.disable('x-powered-by')
  app.enable('case sensitive routing')
  // Entity tags are made where they mean something; hashing every answer would cost a large list most of its speed.
  app.set('etag', false)
  app.set('query parser', 'simple')

  const metrics = createMetrics({ store, version: deps.version, openStreams: deps.feed.connectionLimits.openCount })
  const allowedHosts = new Set(deps.allowedHostnames)
  app.use((request, response, next) => {
    const startedAt = performance.now()
    const parentTrace = traceParentOf(request.headers)
    const onFinished = (): void => recordRequest(deps, metrics, response, startedAt)
    const trace: RequestTrace = { requestId: requestIdOf(request.headers, parentTrace), onFinished }
    response.locals['trace'] = trace
    response.on('finish', onFinished)
    if (parentTrace !== null) {
      trace.traceId = parentTrace.traceId
      response.setHeader('traceresponse', traceResponseOf(parentTrace))
    }
    requireTrustedOrigin(request, allowedHosts)
    next()
  })

  const credentialCache = createCredentialCache()
  store.onCommit(credentialCache.onCommit)
  const identifyDeps = { db: store.read, tokens: deps.tokens, credentialCache }
  const identifyRequest = (request: IncomingMessage): Promise<Actor> => identify(identifyDeps, request, isLoopbackHost(request))
  const { keepAlive: renewLeaseIfDue } = createLeaseKeeper(store)
  const routes = allRoutes({
    tokens: deps.tokens,
    adapters: deps.adapters,
    heads: deps.heads,
    version: deps.version,
    feed: deps.feed,
    ...(deps.eventOptions === undefined ? {} : { streamOptions: deps.eventOptions }),
  })
  app.all('/metrics', metricsPage(metrics, deps.metricsToken))
  mount(app, routes, {
    store,
    identify: identifyRequest,
    renewLeaseIfDue,
    encryptionKey: responseEncryptionKey(deps.secret),
    validateResponses: deps.validateResponses,
  })
  mountDocs(app, routes, deps.version)
  app.use(refuseUnknownRoute)

  app.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
    const { requestId, route } = response.locals['trace'] as RequestTrace
    const problem = toRefusal(error) ?? internalError
    if (problem === internalError) log.error({ err: error, requestId, route: route?.operationId }, 'unhandled error in a request')
    if (response.headersSent) return next(error)
    response.locals['code'] = problem.code
    sendProblem(response, problem, requestId)
  })

  const onUpgrade = createSockets({
    feed: deps.feed,
    db: store.read,
    log,
    guard: (request) => requireTrustedOrigin(request, allowedHosts),
    async identify(request) {
      const actor = await identifyRequest(request)
      await renewLeaseIfDue(actor)
      return actor
    },
    options: deps.eventOptions ?? {},
  })
  return { handle: app, onUpgrade }
}
