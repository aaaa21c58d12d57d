import type { IncomingMessage } from 'node:http'
import express from 'express'
import type { Express, NextFunction, Request, Response } from 'express'
import swaggerUi from 'swagger-ui-express'
import { identify } from './access/identify.ts'
import { createPrincipals } from './access/principals.ts'
import { sealingKeyOf } from './access/runTokens.ts'
import type { RunTokens } from './access/runTokens.ts'
import type { Adapters } from './adapters/index.ts'
import { allRoutes } from './api.ts'
import type { HeadFile } from './audit/index.ts'
import type { Store } from './db/store.ts'
import { guard, isLoopbackHost } from './http/guard.ts'
import { apiHeaders, pageHeaders, requestIdOf, traceParentOf, traceResponseOf } from './http/headers.ts'
import { mount, noSuchRoute } from './http/mount.ts'
import type { Trace } from './http/mount.ts'
import { openapi } from './http/openapi.ts'
import { fault, sendProblem, understand } from './http/problem.ts'
import type { Route } from './http/route.ts'
import type { OnUpgrade } from './http/serve.ts'
import type { Actor } from './kernel/actor.ts'
import type { Log } from './kernel/log.ts'
import { createMetrics, metricsPage } from './metrics/index.ts'
import type { Metrics } from './metrics/index.ts'
import { createSockets } from './realtime/index.ts'
import type { Feed, SocketOptions, StreamOptions } from './realtime/index.ts'
import { createLeaseKeeper } from './runs/lease.ts'

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
  readonly following?: StreamOptions & SocketOptions
  /** Development and tests: answers are checked against their declarations. */
  readonly checkAnswers: boolean
}

/** One line per request: an allow-list of facts, never a body, a header or a query. */
function logRequest(log: Log, response: Response, startedAt: number, code: string | undefined): void {
  const { requestId, actor, route, traceId } = response.locals['trace'] as Trace
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

function documentPage(app: Express, routes: readonly Route[], version: string): void {
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
function report(deps: AppDeps, metrics: Metrics, response: Response, startedAt: number): void {
  const { route } = response.locals['trace'] as Trace
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

  const metrics = createMetrics({ store, version: deps.version, followers: deps.feed.seats.taken })
  const allowed = new Set(deps.allowedHostnames)
  app.use((request, response, next) => {
    const startedAt = performance.now()
    const parent = traceParentOf(request.headers)
    const over = (): void => report(deps, metrics, response, startedAt)
    const trace: Trace = { requestId: requestIdOf(request.headers, parent), over }
    response.locals['trace'] = trace
    response.on('finish', over)
    if (parent !== null) {
      trace.traceId = parent.traceId
      response.setHeader('traceresponse', traceResponseOf(parent))
    }
    guard(request, allowed)
    next()
  })

  const principals = createPrincipals()
  store.onCommit(principals.onCommit)
  const identifyDeps = { db: store.read, tokens: deps.tokens, principals }
  const identifyOn = (request: IncomingMessage): Promise<Actor> => identify(identifyDeps, request, isLoopbackHost(request))
  const { keepAlive } = createLeaseKeeper(store)
  const routes = allRoutes({
    tokens: deps.tokens,
    adapters: deps.adapters,
    heads: deps.heads,
    version: deps.version,
    feed: deps.feed,
    ...(deps.following === undefined ? {} : { streamOptions: deps.following }),
  })
  app.all('/metrics', metricsPage(metrics, deps.metricsToken))
  mount(app, routes, {
    store,
    identify: identifyOn,
    keepAlive,
    sealingKey: sealingKeyOf(deps.secret),
    checkAnswers: deps.checkAnswers,
  })
  documentPage(app, routes, deps.version)
  app.use(noSuchRoute)

  app.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
    const { requestId, route } = response.locals['trace'] as Trace
    const problem = understand(error) ?? fault
    if (problem === fault) log.error({ err: error, requestId, route: route?.operationId }, 'unhandled error in a request')
    if (response.headersSent) return next(error)
    response.locals['code'] = problem.code
    sendProblem(response, problem, requestId)
  })

  const onUpgrade = createSockets({
    feed: deps.feed,
    db: store.read,
    log,
    guard: (request) => guard(request, allowed),
    async identify(request) {
      const actor = await identifyOn(request)
      await keepAlive(actor)
      return actor
    },
    options: deps.following ?? {},
  })
  return { handle: app, onUpgrade }
}
