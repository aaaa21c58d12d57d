// Finds out who makes a request, from its credential or from the account at the other end of its connection.

import { sql } from 'drizzle-orm'
import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import type { Actor, AgentActor, Anonymous, AnonymousReason, BoardActor, BoardProof, GrantKey, KeyScope } from '../platform/kernel/actor.ts'
import { refuse } from '../platform/kernel/errors.ts'
import type { Instant } from '../platform/kernel/time.ts'
import { hasDuplicateHeader } from '../platform/kernel/duplicateHeader.ts'
import { agentKeys, agents } from '../model/agents.ts'
import { grants } from '../model/companies.ts'
import { runs } from '../model/runs.ts'
import { activityLog } from '../platform/db/tables.ts'
import { param, statement } from '../platform/db/statement.ts'
import type { ReadDb } from '../platform/db/types.ts'
import type { CredentialCache, Loaded } from './credentialCache.ts'
import type { KeyUse } from './keyUse.ts'
import type { RunClaims, RunTokens } from './runTokens.ts'
import type { BoardAccess } from './boardAccess.ts'
import { isFromForeignPage } from './fetchSite.ts'
import { LOCAL_BOARD, personOf, personOfKey } from './personSessions.ts'
import type { PersonSessions } from './personSessions.ts'
import type { GuessLimit } from './guessLimit.ts'
import { cookieOf } from './cookie.ts'
import { grantsForAgents } from './power.ts'
import { cameThroughProxy } from './proxyHeaders.ts'
import { isKeyUnrevoked, isRunTokenEnded, isRunTokenUsable } from './credentialStatus.ts'
import { hashToken, isAgentKey, isBoardKey, isDamagedAgentKey } from './tokens.ts'

const board = (via: BoardProof, uid: number | null): BoardActor => ({
  kind: 'board',
  userId: LOCAL_BOARD,
  isAdmin: true,
  via,
  uid,
  companies: null,
  grants: new Map(),
  role: 'owner',
  session: null,
})
const boardByToken = board('token', null)

const COOKIE_ENDED =
  'Unauthorized: the cookie of the board has ended or belongs to another account. POST /api/board/links with the token of the board makes a link to sign in'

interface AgentRow {
  agentId: string
  companyId: string
  role: string
  canCreateAgents: boolean
  grants: readonly GrantKey[]
}

/** The identity of agent `a` and its rights. */
const agentFacts = sql`a.id as "agentId", a.name as "agentName", a.company_id as "companyId", a.role,
    coalesce((a.permissions->>'canCreateAgents')::boolean, false) as "canCreateAgents",
    array(select g.permission_key from ${grants} g where g.company_id = a.company_id and g.principal_type = 'agent'
      and g.principal_id = a.id::text and g.permission_key = any(${sql.raw(`'{${grantsForAgents.join(',')}}'`)}::text[])) as grants`

/** An agent by the token of a run that has ended. */
export interface EndedActor {
  readonly actor: AgentActor
  /** The run reported its end itself; otherwise it was cancelled, lost or stopped. */
  readonly hasEndedItself: boolean
}

const agentOfEndedRun = statement<{ agentId: string; companyId: string; runId: string }, AgentRow & { hasEndedItself: boolean }>(
  'identify_ended_run',
).read(sql`
  select ${agentFacts},
    exists (select 1 from ${activityLog} l where l.entity_id = r.id::text and l.action = 'heartbeat.run_finished'
      and l.actor_type = 'agent' and l.actor_id = a.id::text) as "hasEndedItself"
  from ${runs} r join ${agents} a on a.id = r.agent_id and a.company_id = r.company_id
  where r.id = ${param('runId')} and r.agent_id = ${param('agentId')} and r.company_id = ${param('companyId')}
    and ${isRunTokenEnded}`)

interface KeyRow extends AgentRow {
  keyId: string
  scopes: readonly KeyScope[] | null
  expiresAt: Instant | null
  /** Milliseconds until the key expires, negative when it has; null for a key without an end. */
  validForMs: number | null
}

const agentOfKey = statement<{ hash: string }, KeyRow>('identify_key').read(sql`
  select ${agentFacts}, k.id as "keyId", k.scopes, k.expires_at as "expiresAt",
    (extract(epoch from k.expires_at - now()) * 1000)::float8 as "validForMs"
  from ${agentKeys} k join ${agents} a on a.id = k.agent_id
  where k.key_hash = ${param('hash')} and ${isKeyUnrevoked}`)

const agentOfRun = statement<{ agentId: string; companyId: string; runId: string }, AgentRow>('identify_run').read(sql`
  select ${agentFacts}
  from ${runs} r join ${agents} a on a.id = r.agent_id and a.company_id = r.company_id
  where r.id = ${param('runId')} and r.agent_id = ${param('agentId')} and r.company_id = ${param('companyId')}
    and ${isRunTokenUsable}`)

const uuid = z.uuid()

/** `X-Paperclip-Run-Id`, or null. @throws Refusal `malformed_run_id` */
function runIdOf(request: IncomingMessage): string | null {
  const given = request.headers['x-paperclip-run-id']
  if (given === undefined || given === '') return null
  const parsed = uuid.safeParse(given)
  return parsed.success ? parsed.data.toLowerCase() : refuse('malformed_run_id')
}

const bearer = /^bearer +(\S+) *$/i

/** The token of the Authorization header; null when there is none or it is malformed or given twice. */
export function bearerOf(request: IncomingMessage): string | null {
  const token = bearer.exec(request.headers.authorization ?? '')?.[1]
  return token === undefined || hasDuplicateHeader(request, 'authorization') ? null : token
}
const loopback = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1'])

/** True for a request whose connection comes from a loopback address. */
const isFromLoopback = (request: IncomingMessage): boolean => loopback.has(request.socket.remoteAddress ?? '')

/** True for a request that comes from loopback and shows no sign of a proxy. */
export const isFromThisMachine = (request: IncomingMessage): boolean => isFromLoopback(request) && !cameThroughProxy(request)

export interface IdentifyDeps {
  readonly db: ReadDb
  readonly tokens: RunTokens
  readonly credentialCache: CredentialCache
  readonly board: BoardAccess
  /** The cookies of sessions; null where people do not sign in. */
  readonly sessions: PersonSessions | null
  /** Sessions and keys of people that were looked up just now. */
  readonly personCache: CredentialCache<BoardActor>
  readonly guesses: GuessLimit
  readonly keyUse: KeyUse
}

const DAMAGED_KEY = 'Unauthorized: the API key is incomplete or mistyped, its checksum does not match. Copy it again'

/**
 * Finds out who makes a request. A credential that cannot be used is a 401; the request never gets a weaker or stronger
 * identity instead (I16).
 *
 * @param hostIsLoopback whether the Host header names this machine's loopback interface
 * @throws Refusal `unauthorized` for any credential that is malformed, unknown, revoked, expired or of a dead run, where the
 *   sentence says that a key has expired or is damaged;
 *   `malformed_run_id`, `run_id_mismatch`
 */
export async function identify(deps: IdentifyDeps, request: IncomingMessage, hostIsLoopback: boolean): Promise<Actor> {
  if (request.headers.authorization === undefined) return await identifyPerson(deps, request, hostIsLoopback)
  const token = bearerOf(request)
  if (token === null) return refuse('unauthorized')
  const hash = hashToken(token)
  if (deps.board.token.matches(hash)) return boardByToken
  if (isBoardKey(token)) return (await personByKey(deps, hash)) ?? deps.guesses.refuseGuess(request.socket.remoteAddress)
  const actor = deps.credentialCache.find(hash) ?? (await deps.credentialCache.load(hash, () => loadActor(deps, token, hash)))
  return actor === null ? await refuseBearer(deps, request, token) : withActingRun(actor, request)
}

const anonymous = (reason: AnonymousReason, uid: number | null = null): Anonymous => ({ kind: 'anonymous', reason, uid })

const personByKey = async ({ db, personCache }: IdentifyDeps, hash: string): Promise<BoardActor | null> =>
  personCache.find(hash) ?? (await personCache.load(hash, () => personOfKey(db, hash)))

/** The caller without a bearer: a person by a session, the board by its cookie or by its account on this machine, or anonymous. */
async function identifyPerson(deps: IdentifyDeps, request: IncomingMessage, hostIsLoopback: boolean): Promise<Actor> {
  const { board: access, sessions } = deps
  // A link from elsewhere may open a public page, but shows nothing that only the board may read.
  if (isFromForeignPage(request)) return anonymous('foreign_page')
  const session = sessions === null ? null : cookieOf(request, sessions.cookieName)
  if (sessions !== null && session !== null) return await personBySession(deps, sessions, request, session)
  const cookie = cookieOf(request, access.sessions.cookieName)
  if (cookie !== null) return await boardByCookie(access, request, cookie)
  if (sessions !== null && access.mode === 'token') return await withoutSession(access, request)
  if (!isFromLoopback(request)) return anonymous('elsewhere')
  if (!hostIsLoopback) return anonymous('foreign_host')
  if (cameThroughProxy(request)) return anonymous('through_proxy')
  if (access.mode === 'token' || access.checkCaller === null) return await withoutToken(access, request)
  const { uid, refusal } = await access.checkCaller(request.socket)
  return refusal === null ? board('ambient', uid) : anonymous(refusal, uid)
}

/** A local caller in token mode. The check writes the event of the run that the caller belongs to. */
async function withoutToken({ checkCaller }: BoardAccess, request: IncomingMessage): Promise<Anonymous> {
  const caller = await checkCaller?.(request.socket)
  return anonymous('token_mode', caller?.uid)
}

/** A caller without a session where people sign in. The check writes the event of the run that a local caller belongs to. */
async function withoutSession({ checkCaller }: BoardAccess, request: IncomingMessage): Promise<Anonymous> {
  const caller = isFromThisMachine(request) ? await checkCaller?.(request.socket) : undefined
  return anonymous('not_signed_in', caller?.uid)
}

/**
 * The person that has a session. A browser sends the cookie of a session that has ended to the page that signs in, too, so it makes
 * the caller anonymous and does not end the request.
 * @throws Refusal `origin_not_allowed` for a change that no page of this server sent
 */
async function personBySession(deps: IdentifyDeps, sessions: PersonSessions, request: IncomingMessage, value: string): Promise<Actor> {
  const { personCache } = deps
  // By the whole cookie: one that was found within the last second has been signed, and its signature is not computed again.
  const hash = hashToken(`cookie ${value}`)
  const person = personCache.find(hash) ?? (await loadPerson(deps, hash, sessions.tokenOf(value)))
  if (person === null) return anonymous('session_ended')
  if (!isRead(request)) requireOwnPage(request)
  return person
}

/**
 * Refuses a request that no page of this server sent, as far as a browser says it; `requireTrustedOrigin` has compared the origin.
 * @throws Refusal `origin_not_allowed`
 */
export function requireOwnPage(request: IncomingMessage): void {
  if (!isFromOwnPage(request) && !hasOwnReferer(request)) refuse('origin_not_allowed')
}

const loadPerson = async ({ db, personCache }: IdentifyDeps, hash: string, token: string | null): Promise<BoardActor | null> =>
  token === null ? null : await personCache.load(hash, () => personOf(db, token))

const isRead = ({ method }: IncomingMessage): boolean => method === 'GET' || method === 'HEAD' || method === 'OPTIONS'

/** Whether the page that sent the request is one of the address that it was sent to. Browsers that send no `Origin` send this. */
function hasOwnReferer({ headers }: IncomingMessage): boolean {
  const { referer = '', host = '' } = headers
  if (headers['sec-fetch-site'] !== undefined || headers.origin !== undefined || !URL.canParse(referer)) return false
  return /^https?:$/.test(new URL(referer).protocol) && new URL(referer).host === host.toLowerCase()
}

/** The account at the other end of a local connection; null for a request from elsewhere, or where accounts cannot be seen. */
export async function localUidOf({ checkCaller }: BoardAccess, request: IncomingMessage): Promise<number | null> {
  return checkCaller !== null && isFromThisMachine(request) ? (await checkCaller(request.socket)).uid : null
}

/** Whether a browser sent the request from a page of this server. */
const isFromOwnPage = ({ headers }: IncomingMessage): boolean =>
  headers['sec-fetch-site'] === undefined ? headers.origin !== undefined : headers['sec-fetch-site'] === 'same-origin'

/**
 * The board by its cookie. Only the account that used the link may send it, because a browser sends the cookies of a host to all
 * its ports. A change needs the proof that a page of this server sent it (`requireTrustedOrigin` has compared the origin).
 * @throws Refusal `unauthorized`, `origin_not_allowed`
 */
async function boardByCookie(access: BoardAccess, request: IncomingMessage, cookie: string): Promise<Actor> {
  const session = access.sessions.verify(cookie)
  const caller = access.checkCaller !== null && isFromThisMachine(request) ? await access.checkCaller(request.socket) : null
  const uid = caller?.uid ?? null
  if (session === null || session.uid !== uid || caller?.refusal === 'run') return refuse('unauthorized', { message: COOKIE_ENDED })
  if (request.method !== 'GET' && request.method !== 'HEAD' && !isFromOwnPage(request)) refuse('origin_not_allowed')
  return board('cookie', uid)
}

/** Refuses a bearer that cannot be used. A token that this server signed is no guess: its run has ended. */
async function refuseBearer({ tokens, guesses }: IdentifyDeps, request: IncomingMessage, token: string): Promise<never> {
  if (isDamagedAgentKey(token)) return guesses.refuseGuess(request.socket.remoteAddress, DAMAGED_KEY)
  if (!isAgentKey(token) && (await tokens.verify(token)) !== null) return refuse('unauthorized')
  return guesses.refuseGuess(request.socket.remoteAddress)
}

async function loadActor(deps: IdentifyDeps, token: string, hash: string): Promise<Loaded | null> {
  if (isAgentKey(token)) return await agentByKey(deps, hash)
  return isDamagedAgentKey(token) ? null : await agentByToken(deps, token)
}

/** @throws Refusal `unauthorized` with a sentence for a key that has expired */
async function agentByKey({ db, keyUse }: IdentifyDeps, hash: string): Promise<Loaded | null> {
  const [row] = await db.run(agentOfKey, { hash })
  if (row === undefined) return null
  const { expiresAt, validForMs, ...agent } = row
  if (validForMs !== null && validForMs <= 0)
    refuse('unauthorized', { message: `Unauthorized: the API key expired at ${expiresAt}. The board makes a new one` })
  keyUse.note(row.keyId)
  return { actor: { kind: 'agent', via: 'key', runId: null, ...agent }, validForMs }
}

/** The claims of a token that this server signed, with ids that a look-up accepts. */
async function claimsOf({ tokens }: IdentifyDeps, token: string): Promise<RunClaims | null> {
  const claims = await tokens.verify(token)
  if (claims === null || !uuid.safeParse(claims.runId).success) return null
  return uuid.safeParse(claims.agentId).success && uuid.safeParse(claims.companyId).success ? claims : null
}

/**
 * The agent behind the token of a run that has ended, for a request that may repeat one of before the end (I9). It never
 * becomes the caller of anything else.
 * @returns null for every other credential, and when the agent lost its credentials
 */
export async function identifyEnded(deps: IdentifyDeps, request: IncomingMessage): Promise<EndedActor | null> {
  const token = bearerOf(request)
  const claims = token === null ? null : await claimsOf(deps, token)
  const [row] = claims === null ? [] : await deps.db.run(agentOfEndedRun, claims)
  if (claims === null || row === undefined) return null
  const { hasEndedItself, ...agent } = row
  const { runId, scopes } = claims
  return { actor: withActingRun({ kind: 'agent', via: 'token', keyId: null, runId, scopes, ...agent }, request), hasEndedItself }
}

async function agentByToken(deps: IdentifyDeps, token: string): Promise<Loaded | null> {
  const claims = await claimsOf(deps, token)
  if (claims === null) return null
  const [row] = await deps.db.run(agentOfRun, claims)
  if (row === undefined) return null
  return { actor: { kind: 'agent', via: 'token', keyId: null, runId: claims.runId, scopes: claims.scopes, ...row }, validForMs: null }
}

/**
 * The actor with its acting run (LOCK_PROTOCOL §4): the signed claim of a run token, or the header next to a key. Reads
 * with a key ignore the header.
 */
function withActingRun(actor: AgentActor, request: IncomingMessage): AgentActor {
  if (actor.via === 'token') {
    const headerRunId = runIdOf(request)
    if (headerRunId !== null && headerRunId !== actor.runId) refuse('run_id_mismatch')
    return actor
  }
  if (request.method === 'GET' || request.method === 'HEAD') return actor
  const runId = runIdOf(request)
  return runId === null ? actor : { ...actor, runId }
}
