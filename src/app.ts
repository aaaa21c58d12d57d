import express from 'express'
import type { Express, NextFunction, Request, Response } from 'express'
import swaggerUi from 'swagger-ui-express'
import { identify } from './access/identify.ts'
import { createPrincipals } from './access/principals.ts'
import { sealingKeyOf } from './access/runTokens.ts'
import type { RunTokens } from './access/runTokens.ts'
import { allRoutes } from './api.ts'
import type { HeadFile } from './audit/index.ts'
import type { Store } from './db/store.ts'
import { guard, isLoopbackHost } from './http/guard.ts'
import { apiHeaders, pageHeaders, requestIdOf } from './http/headers.ts'
import { mount, noSuchRoute } from './http/mount.ts'
import type { Trace } from './http/mount.ts'
import { openapi } from './http/openapi.ts'
import { fault, sendProblem, understand } from './http/problem.ts'
import type { Route } from './http/route.ts'
import type { Log } from './kernel/log.ts'
import { createLeaseKeeper } from './runs/lease.ts'

export interface AppDeps {
  readonly store: Store
  readonly tokens: RunTokens
  /** The secret that run tokens are signed with; keys for other purposes are derived from it. */
  readonly secret: string
  readonly log: Log
  /** The heads of the audit chains, noted outside the database. */
  readonly heads: HeadFile
  readonly version: string
  readonly allowedHostnames: readonly string[]
  /** Development and tests: answers are checked against their declarations. */
  readonly checkAnswers: boolean
}

/** One line per request: an allow-list of facts, never a body, a header or a query. */
function logRequest(log: Log, response: Response, startedAt: number, code: string | undefined): void {
  const { requestId, actor, route } = response.locals['trace'] as Trace
  const facts = {
    requestId,
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

/**
 * Builds the server's Express application with every route mounted. Nothing is listened to and nothing is scheduled, so
 * a test can have one per file.
 */
export function buildApp(deps: AppDeps): Express {
  const { store, log } = deps
  const app = express()
  app.disable('x-powered-by')
  // Entity tags are made where they mean something; hashing every answer would cost a large list most of its speed.
  app.set('etag', false)
  app.set('query parser', 'simple')

  const allowed = new Set(deps.allowedHostnames)
  app.use((request, response, next) => {
    const startedAt = performance.now()
    const trace: Trace = { requestId: requestIdOf(request.headers) }
    response.locals['trace'] = trace
    response.on('finish', () => logRequest(log, response, startedAt, response.locals['code'] as string | undefined))
    guard(request, allowed)
    next()
  })

  const principals = createPrincipals()
  store.onCommit(principals.onCommit)
  const identifyDeps = { db: store.read, tokens: deps.tokens, principals }
  const routes = allRoutes({ tokens: deps.tokens, heads: deps.heads, version: deps.version })
  app.use(
    mount(routes, {
      store,
      identify: (request) => identify(identifyDeps, request, isLoopbackHost(request)),
      keepAlive: createLeaseKeeper(store).keepAlive,
      sealingKey: sealingKeyOf(deps.secret),
      checkAnswers: deps.checkAnswers,
    }),
  )
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
  return app
}
