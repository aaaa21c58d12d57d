// Finds out who makes a request, from its credential or from the account at the other end of its connection.

import { sql } from 'drizzle-orm'
import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import type { Actor, AgentActor, Anonymous, AnonymousReason } from '../platform/kernel/actor.ts'
import { refuse } from '../platform/kernel/errors.ts'
import { hasDuplicateHeader } from '../platform/kernel/duplicateHeader.ts'
import { agentKeys, agents } from '../model/agents.ts'
import { runs } from '../model/runs.ts'
import { param, statement } from '../platform/db/statement.ts'
import type { ReadDb } from '../platform/db/types.ts'
import type { CredentialCache } from './credentialCache.ts'
import type { RunTokens } from './runTokens.ts'
import type { BoardToken } from './boardToken.ts'
import type { CheckCaller } from './localCaller.ts'
import { cameThroughProxy } from './proxyHeaders.ts'
import { isKeyUsable, isRunTokenUsable } from './credentialStatus.ts'
import { hashToken, isAgentKey } from './tokens.ts'

/** The person that governs: the user of the account of the server, and the holder of the token of the board. */
const LOCAL_BOARD = 'local-board'

const localBoard: Actor = { kind: 'board', userId: LOCAL_BOARD, isAdmin: true, via: 'ambient' }
const boardByToken: Actor = { kind: 'board', userId: LOCAL_BOARD, isAdmin: true, via: 'token' }

interface AgentRow {
  agentId: string
  companyId: string
  role: string
  canCreateAgents: boolean
}

const agentOfKey = statement<{ hash: string }, AgentRow & { keyId: string }>('identify_key').read(sql`
  select a.id as "agentId", a.company_id as "companyId", a.role, k.id as "keyId",
    coalesce((a.permissions->>'canCreateAgents')::boolean, false) as "canCreateAgents"
  from ${agentKeys} k join ${agents} a on a.id = k.agent_id
  where k.key_hash = ${param('hash')} and ${isKeyUsable}`)

const agentOfRun = statement<{ agentId: string; companyId: string; runId: string }, AgentRow>('identify_run').read(sql`
  select a.id as "agentId", a.company_id as "companyId", a.role,
    coalesce((a.permissions->>'canCreateAgents')::boolean, false) as "canCreateAgents"
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
const loopback = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1'])

/** True for a request whose connection comes from a loopback address. */
const isFromLoopback = (request: IncomingMessage): boolean => loopback.has(request.socket.remoteAddress ?? '')

/** True for a request that comes from loopback and shows no sign of a proxy. */
export const isFromThisMachine = (request: IncomingMessage): boolean => isFromLoopback(request) && !cameThroughProxy(request)

export interface IdentifyDeps {
  readonly db: ReadDb
  readonly tokens: RunTokens
  readonly credentialCache: CredentialCache
  readonly boardToken: BoardToken
  /** Checks the other end of a local connection. Only asked for requests without a credential. */
  readonly checkCaller: CheckCaller
}

/**
 * Finds out who makes a request. A credential that cannot be used is a 401; the request never gets a weaker or stronger
 * identity instead (I16).
 *
 * @param hostIsLoopback whether the Host header names this machine's loopback interface
 * @throws Refusal `unauthorized` for any credential that is malformed, unknown, revoked, expired or of a dead run;
 *   `malformed_run_id`, `run_id_mismatch`
 */
export async function identify(deps: IdentifyDeps, request: IncomingMessage, hostIsLoopback: boolean): Promise<Actor> {
  const header = request.headers.authorization
  if (header === undefined) return await localCaller(deps, request, hostIsLoopback)
  const token = bearer.exec(header)?.[1]
  if (token === undefined || hasDuplicateHeader(request, 'authorization')) return refuse('unauthorized')
  const hash = hashToken(token)
  if (deps.boardToken.matches(hash)) return boardByToken
  const actor = deps.credentialCache.find(hash) ?? (await deps.credentialCache.load(hash, () => loadActor(deps, token, hash)))
  return actor === null ? refuse('unauthorized') : withActingRun(actor, request)
}

const anonymous = (reason: AnonymousReason, uid: number | null = null): Anonymous => ({ kind: 'anonymous', reason, uid })

/** The caller without a credential: the board of this machine, or anonymous. */
async function localCaller({ checkCaller }: IdentifyDeps, request: IncomingMessage, hostIsLoopback: boolean): Promise<Actor> {
  if (!isFromLoopback(request)) return anonymous('elsewhere')
  if (!hostIsLoopback) return anonymous('foreign_host')
  if (cameThroughProxy(request)) return anonymous('through_proxy')
  const { uid, refusal } = await checkCaller(request.socket)
  return refusal === null ? localBoard : anonymous(refusal, uid)
}

function loadActor(deps: IdentifyDeps, token: string, hash: string): Promise<AgentActor | null> {
  return isAgentKey(token) ? agentByKey(deps.db, hash) : agentByToken(deps, token)
}

async function agentByKey(db: ReadDb, hash: string): Promise<AgentActor | null> {
  const [row] = await db.run(agentOfKey, { hash })
  return row === undefined ? null : { kind: 'agent', via: 'key', runId: null, ...row }
}

async function agentByToken(deps: IdentifyDeps, token: string): Promise<AgentActor | null> {
  const claims = await deps.tokens.verify(token)
  if (claims === null || !uuid.safeParse(claims.runId).success) return null
  if (!uuid.safeParse(claims.agentId).success || !uuid.safeParse(claims.companyId).success) return null
  const [row] = await deps.db.run(agentOfRun, claims)
  return row === undefined ? null : { kind: 'agent', via: 'token', keyId: null, runId: claims.runId, ...row }
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
