import { coverOfRun } from '../org/secrets/index.ts'
import type { IncomingMessage } from 'node:http'
import express from 'express'
import type { ErrorRequestHandler, Express, NextFunction, Request, RequestHandler, Response } from 'express'
import { identify, identifyEnded } from '../auth/identify.ts'
import type { EndedActor } from '../auth/identify.ts'
import { createCredentialCache } from '../auth/credentialCache.ts'
import { createIssueCompanies } from '../auth/issueCompanies.ts'
import { createAddressOf } from '../auth/clientAddress.ts'
import { createGuessLimit } from '../auth/guessLimit.ts'
import type { GuessLimit } from '../auth/guessLimit.ts'
import type { KeyUse } from '../auth/keyUse.ts'
import type { BoardAccess } from '../auth/boardAccess.ts'
import { responseEncryptionKey } from '../auth/runTokens.ts'
import type { RunTokens } from '../auth/runTokens.ts'
import type { Adapters } from '../adapters/index.ts'
import { allRoutes } from './routes.ts'
import type { RouteDeps } from './routes.ts'
import type { People } from '../org/people/index.ts'
import { mountPeoplePages } from '../org/peoplePages/index.ts'
import type { HeadFile } from '../observe/audit/index.ts'
import type { Store } from '../platform/db/types.ts'
import { requireTrustedOrigin, isLoopbackHost } from '../http/trustedOrigin.ts'
import { allowOrigin, isPreflight, sendPreflight } from '../http/cors.ts'
import { fixedJson } from '../http/fixedText.ts'
import { requestIdOf, traceParentOf, traceResponseOf } from '../http/headers.ts'
import { mountDocsPage } from '../http/docsPage.ts'
import { mount } from '../http/mount.ts'
import { refuseUnknownRoute } from '../http/unknownRoute.ts'
import type { RequestTrace } from '../http/exchange.ts'
import { apiDocument } from '../http/openapi/document.ts'
import { internalError, sendProblem, toRefusal } from '../http/problem.ts'
import type { Route } from '../http/route.ts'
import type { OnUpgrade } from '../http/httpServer.ts'
import { createTraffic, readerOf } from '../http/traffic.ts'
import type { Traffic, TrafficLimits } from '../http/traffic.ts'
import type { DeploymentFacts, ServerFacts } from '../observe/instance/health.ts'
import type { Actor, BoardActor } from '../platform/kernel/actor.ts'
import type { Log } from '../platform/kernel/log.ts'
import type { Peers } from '../platform/kernel/peers.ts'
import { LIVE_PATH, livePage, READY_PATH, readyPage } from '../observe/instance/probes.ts'
import { PUBLIC_KEYS_PATH, publicKeysPage } from '../observe/instance/publicKeys.ts'
import { securityTextPage } from '../observe/instance/securityText.ts'
import { SIGN_IN_PATH, SIGN_OUT_PATH, signInPage, signOutPage } from '../observe/instance/signIn.ts'
import { mountConsole } from '../observe/consolePages/index.ts'
import { consoleFolder } from '../launch/consoleBuild.js'
import { configSchema } from './configSchema.ts'
import { logRequest } from './requestLog.ts'
import { followRequest, headerOf } from './requestSpan.ts'
import { beginRequestSpan } from '../platform/kernel/trace.ts'
import { createMetrics, metricsPage } from '../observe/metrics/index.ts'
import type { Metrics } from '../observe/metrics/index.ts'
import { createSockets } from '../observe/events/index.ts'
import type { Feed, SocketOptions, StreamOptions } from '../observe/events/index.ts'
import { createRequestQuotas } from '../auth/requestQuotas.ts'
import type { Exceeded, Quotas } from '../platform/kernel/quotas.ts'
import { createLeaseKeeper } from '../engine/runs/lease.ts'

export interface AppDeps {
  readonly store: Store
  readonly tokens: RunTokens
  readonly adapters: Adapters
  /** The secret that run tokens are signed with; keys for other purposes are derived from it. */
  readonly secret: string
  /** The secret before, whose tokens and stored answers are still accepted; null when none is being replaced. */
  readonly previousSecret?: string | null
  readonly log: Log
  /** Whether a person reads the log on a terminal; not unless given. */
  readonly isTerminal?: boolean
  /** The heads of the audit chains, recorded outside the database. */
  readonly heads: HeadFile
  readonly version: string
  /** The proofs of the board. */
  readonly board: BoardAccess
  /** How people sign in; null where they do not. */
  readonly people: People | null
  /** Whether people sign in, and from where this server is reached; they do not, and from this machine, unless given. */
  readonly deployment?: DeploymentFacts
  /** The origin by which people reach this server; that of the request unless given. */
  readonly publicOrigin?: string | null
  /** Addresses and subnets of proxies whose `X-Forwarded-For` is believed; none unless given. */
  readonly trustedProxies?: readonly string[]
  readonly allowedHostnames: readonly string[]
  /** Origins of other servers whose pages may send requests with a bearer. */
  readonly allowedOrigins?: readonly string[]
  /** Wrong credentials that an address may send in a minute, where it is not the default; for tests. */
  readonly guessesPerMinute?: number
  /** Collects when keys are used; the server writes it once a minute. */
  readonly keyUse: KeyUse
  /** The contact in `/.well-known/security.txt`. */
  readonly securityContact?: string | null
  /** The source of event streams and WebSockets. */
  readonly feed: Feed
  /** The bearer token with which scrapers on other machines read the metrics; null refuses all of them. */
  readonly metricsToken: string | null
  /** Limits of event streams and WebSockets that differ from the defaults; for tests. */
  readonly eventOptions?: StreamOptions & SocketOptions
  readonly quotas: Quotas
  /** The causes for which this server is degraded; none unless given. */
  readonly degradedCauses?: ServerFacts['causes']
  /** Limits of connections and of unread answers that differ from the defaults. */
  readonly trafficLimits?: TrafficLimits
  /** The other workers of this server; none unless given. */
  readonly peers?: Peers | null
  /** Whether this server has been asked to stop; never unless given. */
  readonly isDraining?: () => boolean
  /** Folders of this host from which the board may import skills; none unless given. */
  readonly skillFolders?: readonly string[]
  /** Worktrees of git on this host; none unless given. */
  readonly worktrees?: RouteDeps['worktrees']
  /** Checks responses against their declarations; for development and tests. */
  readonly validateResponses: boolean
  /** A clock that never goes back, in milliseconds; that of this process unless given. */
  readonly monotonicMs?: (() => number) | undefined
}

/** Mounts what is answered for every host name, and neither logged nor counted. */
function mountProbes(app: Express, { store, isDraining = () => false }: AppDeps): void {
  app.all(LIVE_PATH, livePage)
  app.all(READY_PATH, readyPage(store.read, isDraining))
}

function mountPages(app: Express, { board, log, tokens, securityContact = null }: AppDeps): void {
  mountConsole(app, consoleFolder)
  app.all(PUBLIC_KEYS_PATH, publicKeysPage(tokens))
  app.all('/.well-known/security.txt', securityTextPage(securityContact))
  app.all(SIGN_IN_PATH, signInPage(board, log))
  app.all(SIGN_OUT_PATH, signOutPage(board, log))
}

const DOCUMENT_PATH = '/api/openapi.json'

/** The schema of the configuration file, without a value of this server. */
const SCHEMA_PATH = '/api/config.schema.json'

function mountDocs(app: Express, routes: readonly Route[], version: string): void {
  app.get(
    DOCUMENT_PATH,
    fixedJson(() => apiDocument(routes, version)),
  )
  app.get(
    SCHEMA_PATH,
    fixedJson(() => Promise.resolve(JSON.stringify(configSchema()))),
  )
  mountDocsPage(app, DOCUMENT_PATH)
}

/** Counts and logs an answered request. */
function recordRequest(deps: AppDeps, metrics: Metrics, response: Response, startedAt: number): void {
  const { route, isLive = false } = response.locals['trace'] as RequestTrace
  const ms = performance.now() - startedAt
  const code = response.locals['code'] as string | undefined
  metrics.observe({ method: response.req.method, route, status: response.statusCode, code, ms, isLive })
  logRequest(deps.log, { response, ms, code }, deps.isTerminal ?? false)
}

/** The parts of a server that answer: the application, and the handler of WebSocket handshakes. */
export interface App {
  readonly handle: Express
  readonly onUpgrade: OnUpgrade
  readonly connections: Traffic['connections']
}

/** The parts of the server that the routes need. */
const routeDepsOf = (deps: AppDeps): RouteDeps => ({
  tokens: deps.tokens,
  adapters: deps.adapters,
  agentIsolation: deps.adapters.isolation,
  degradedCauses: deps.degradedCauses ?? (() => []),
  heads: deps.heads,
  log: deps.log,
  version: deps.version,
  board: deps.board,
  people: deps.people,
  skillFolders: deps.skillFolders ?? [],
  worktrees: deps.worktrees ?? null,
  deployment: deps.deployment ?? { deploymentMode: 'local_trusted', deploymentExposure: 'private' },
  feed: deps.feed,
  ...(deps.eventOptions === undefined ? {} : { streamOptions: deps.eventOptions }),
})

/**
 * Builds the server's Express application with every route mounted. It does not listen and schedules nothing, so a test
 * can build one per file.
 */
export function buildApp(deps: AppDeps): App {
  const { store } = deps
  const app = createExpress(deps)
  const traffic = createTraffic(deps.trafficLimits)
  const metrics = createMetrics({
    store,
    version: deps.version,
    openStreams: deps.feed.connectionLimits.openCount,
    unsentHeads: () => deps.heads.unsentCopies(),
    traffic,
    peers: deps.peers ?? null,
  })
  const guard = originGuard(deps)
  app.use(traceRequests(deps, metrics, guard))

  const guesses = createGuessLimit(deps.guessesPerMinute)
  const { identifyRequest, identifyEndedRun } = identifier(deps, guesses)
  const { keepAlive: renewLeaseIfDue } = createLeaseKeeper(store.ofAgents, deps.monotonicMs)
  const issueCompanies = createIssueCompanies()
  store.onCommit(issueCompanies.onCommit)
  const routes = allRoutes(routeDepsOf(deps))
  mountPages(app, deps)
  const reached = { addressOf: createAddressOf(deps.trustedProxies ?? []), publicOrigin: deps.publicOrigin ?? null }
  mountPeoplePages(app, { ...reached, store, people: deps.people, identify: identifyRequest })
  app.all('/metrics', metricsPage(metrics, deps.metricsToken))
  mount(app, routes, {
    store,
    identify: identifyRequest,
    identifyEnded: identifyEndedRun,
    renewLeaseIfDue,
    quotas: deps.quotas,
    guesses,
    requestQuotas: createRequestQuotas(deps.quotas),
    encryptionKey: responseEncryptionKey(deps.secret),
    previousEncryptionKey: typeof deps.previousSecret === 'string' ? responseEncryptionKey(deps.previousSecret) : null,
    validateResponses: deps.validateResponses,
    traffic,
    coverOfRun,
    issueCompanies,
    ...reached,
  })
  mountDocs(app, routes, deps.version)
  app.use(refuseUnknownRoute(routes))
  app.use(answerError(deps.log, metrics))

  const onUpgrade = createSockets({
    feed: deps.feed,
    db: store.read,
    log: deps.log,
    guard,
    async identify(request) {
      const actor = await identifyRequest(request)
      traffic.connections.attribute(request.socket, readerOf(actor))
      await renewLeaseIfDue(actor)
      return actor
    },
    options: deps.eventOptions ?? {},
  })
  return { handle: app, onUpgrade, connections: traffic.connections }
}

interface Identifier {
  readonly identifyRequest: (request: IncomingMessage) => Promise<Actor>
  readonly identifyEndedRun: (request: IncomingMessage) => Promise<EndedActor | null>
}

/** Returns the functions that find out who makes a request. The first keeps credentials that were looked up, until a commit revokes them. */
function identifier({ store, tokens, board, people, keyUse }: AppDeps, guesses: GuessLimit): Identifier {
  const credentialCache = createCredentialCache()
  store.onCommit(credentialCache.onCommit)
  const personCache = createCredentialCache<BoardActor>()
  store.onCommit(personCache.onCommit)
  const persons = { sessions: people?.sessions ?? null, personCache }
  const deps = { db: store.read, tokens, credentialCache, board, ...persons, guesses, keyUse }
  return {
    identifyRequest: (request) => identify(deps, request, isLoopbackHost(request)),
    identifyEndedRun: (request) => identifyEnded(deps, request),
  }
}

function createExpress(deps: AppDeps): Express {
  const app = express()
  app.disable('x-powered-by')
  app.enable('case sensitive routing')
  // Handlers set entity tags where they are useful. Hashing every response would make large lists several times slower.
  app.set('etag', false)
  app.set('query parser', 'simple')
  mountProbes(app, deps)
  return app
}

type OriginGuard = (request: IncomingMessage) => string | null

function originGuard({ allowedHostnames, allowedOrigins = [], publicOrigin = null }: AppDeps): OriginGuard {
  const trusted = { hosts: new Set(allowedHostnames), origins: new Set(allowedOrigins), own: publicOrigin }
  return (request) => requireTrustedOrigin(request, trusted)
}

/** Gives each request its trace, checks its origin, and records it when it is answered. */
function traceRequests(deps: AppDeps, metrics: Metrics, guard: OriginGuard): RequestHandler {
  return (request, response, next) => {
    const startedAt = performance.now()
    const parentTrace = traceParentOf(request.headers)
    const span = beginRequestSpan(request.method, parentTrace === null ? null : headerOf(parentTrace))
    const onFinished = (): void => recordRequest(deps, metrics, response, startedAt)
    const trace: RequestTrace = { requestId: requestIdOf(request.headers, parentTrace), onFinished }
    response.locals['trace'] = trace
    response.on('finish', onFinished)
    if (span !== null) followRequest(span, response, trace)
    else if (parentTrace !== null) {
      trace.traceId = parentTrace.traceId
      response.setHeader('traceresponse', traceResponseOf(parentTrace))
    }
    const origin = guard(request)
    if (origin !== null) allowOrigin(response, origin)
    if (origin !== null && isPreflight(request)) return sendPreflight(request, response)
    if (span === null) next()
    else span.within(next)
  }
}

/** Answers with the refusal that was thrown, or with a 500 that reveals nothing. */
function answerError(log: Log, metrics: Metrics): ErrorRequestHandler {
  return (error: unknown, _request: Request, response: Response, next: NextFunction) => {
    const { requestId, route } = response.locals['trace'] as RequestTrace
    const problem = toRefusal(error) ?? internalError
    if (problem === internalError) log.error({ err: error, requestId, route: route?.operationId }, 'unhandled error in a request')
    if (response.headersSent) return next(error)
    response.locals['code'] = problem.code
    if (problem.code === 'quota_exceeded') metrics.countQuotaRefusal(problem.details as Exceeded)
    return sendProblem(response, problem, requestId)
  }
}
