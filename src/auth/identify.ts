// Finds out who makes a request, from its credential or from its place on this machine.

import { sql } from 'drizzle-orm'
import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import type { Actor, AgentActor } from '../platform/kernel/actor.ts'
import { refuse } from '../platform/kernel/errors.ts'
import { hasDuplicateHeader } from '../platform/kernel/duplicateHeader.ts'
import { agentKeys, agents } from '../model/agents.ts'
import { runs } from '../model/runs.ts'
import { param, statement } from '../platform/db/statement.ts'
import type { ReadDb } from '../platform/db/types.ts'
import type { CredentialCache } from './credentialCache.ts'
import type { RunTokens } from './runTokens.ts'
import { isKeyUsable, isRunTokenUsable } from './credentialStatus.ts'
import { hashToken, isAgentKey } from './tokens.ts'

/** In local mode every loopback request without credentials is made by this person. */
const LOCAL_BOARD = 'local-board'

const localBoard: Actor = { kind: 'board', userId: LOCAL_BOARD, isAdmin: true }
const anonymous: Actor = { kind: 'anonymous' }

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

const proxyHeaders = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip'] as const

/** A proxy on this machine makes every caller look local, so a request with proxy headers is not trusted as local. */
const cameThroughProxy = (request: IncomingMessage): boolean => proxyHeaders.some((name) => request.headers[name] !== undefined)

/** True for a request that comes from loopback and shows no sign of a proxy. */
export const isFromThisMachine = (request: IncomingMessage): boolean =>
  loopback.has(request.socket.remoteAddress ?? '') && !cameThroughProxy(request)

export interface IdentifyDeps {
  readonly db: ReadDb
  readonly tokens: RunTokens
  readonly credentialCache: CredentialCache
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
  if (header === undefined) {
    return hostIsLoopback && isFromThisMachine(request) ? localBoard : anonymous
  }
  const token = bearer.exec(header)?.[1]
  if (token === undefined || hasDuplicateHeader(request, 'authorization')) return refuse('unauthorized')
  const hash = hashToken(token)
  const actor = deps.credentialCache.find(hash) ?? (await deps.credentialCache.load(hash, () => loadActor(deps, token, hash)))
  return actor === null ? refuse('unauthorized') : withActingRun(actor, request)
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
