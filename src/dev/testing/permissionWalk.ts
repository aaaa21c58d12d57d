import { randomUUID } from 'node:crypto'
import { request as startRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { createFixtureRows, createFixtures } from './contractFixtures.ts'
import type { ApiUnderTest, FixtureRows } from './contractFixtures.ts'
import {
  arrangesAgent,
  buildRequest,
  endsCompany,
  endsSession,
  headersBy,
  isEndless,
  isRowId,
  pathOf,
  requestOf,
  rowIdIn,
} from './exampleRequests.ts'
import { callers, createStage, pauseAgent } from './permissionCallers.ts'
import type { Caller, Stage } from './permissionCallers.ts'
import { isOfCompany, isPublic, refusalCell } from './permissionMatrix.ts'
import type { Door } from './permissionMatrix.ts'
import { sendRequest } from './rawRequest.ts'
import type { Reply, Request } from './rawRequest.ts'

/** Requests in flight that change nothing. */
const SHARED_LANES = 16
/** Changes in flight. They wait for each other in the audit chain of their company or of the instance, and none may wait for long. */
const OWN_LANES = 4

/** The answers of a server to every kind of caller at every door. */
export interface Walk {
  /** The cells of each door in the order of the callers, by its label. */
  readonly cells: ReadonlyMap<string, readonly string[]>
  /** Faults that no cell shows: ids of a company that is not the caller's, a foreign row that differs from a missing one, a refusal that was recorded. */
  readonly faults: readonly string[]
}

/** The rows that requests share which change nothing: reads, and writes that are refused. */
export interface Ground {
  readonly api: ApiUnderTest
  readonly stage: Stage
  readonly usual: FixtureRows
  /** Rows whose agent is paused. */
  readonly paused: FixtureRows
  /** Rows of another company. */
  readonly foreign: FixtureRows
}

/** Creates the callers, and the rows that requests share. */
export async function createGround(api: ApiUnderTest): Promise<Ground> {
  const stage = await createStage(api)
  const [usual, paused] = [await createFixtureRows(stage.fixtures), await createFixtureRows(stage.fixtures)]
  await pauseAgent(api, paused)
  return { api, stage, usual, paused, foreign: await createFixtureRows(stage.elsewhere) }
}

interface Cell {
  readonly door: Door
  readonly caller: Caller
  readonly isAllowed: boolean
}

/** One request with the rows and callers that it is about. */
interface Asked extends Cell {
  readonly stage: Stage
  readonly rows: FixtureRows
  readonly request: Request
}

/**
 * Asks every door as every caller. Cells that the table allows to change something get rows of their own, so that no cell depends on another;
 * the others share rows that exist, so that a request which is let in by mistake has something to change.
 * @param url the server that is asked
 * @param stated the cells of a door as they should be
 */
export async function walkDoors(
  url: string,
  ground: Ground,
  doors: readonly Door[],
  stated: (door: Door) => readonly string[],
): Promise<Walk> {
  const cells = new Map(doors.map(({ label }): [string, string[]] => [label, callers.map(() => 'not asked')]))
  const faults: string[] = []
  const all = doors.flatMap((door) => callers.map((caller, at): Cell => ({ door, caller, isAllowed: stated(door)[at] === 'yes' })))
  const ask = async (cell: Cell, asked: Asked): Promise<void> => {
    const { text, found } = await look(url, ground, asked)
    const row = cells.get(cell.door.label)
    if (row !== undefined) row[callers.indexOf(cell.caller)] = text
    faults.push(...found.map((fault) => `${cell.door.label} as ${cell.caller.name}: ${fault}`))
  }
  const requests = await buildShared(ground, doors)
  const isShared = ({ door, isAllowed }: Cell): boolean => !isAllowed || door.route.method === 'get'
  const askShared = (cells: readonly Cell[]) => inLanes(SHARED_LANES, cells, (cell) => ask(cell, sharedRequest(ground, requests, cell)))
  // Refused first: a change that is let in by mistake is recorded, and spoils no cell before it.
  const before = await newestSeq(ground.api)
  await askShared(all.filter(({ isAllowed }) => !isAllowed))
  const recorded = await recordedSince(ground.api, before)
  faults.push(...recorded.map((action) => `a request that was to be refused left the audit row ${action}`))
  await askShared(all.filter((cell) => cell.isAllowed && isShared(cell)))
  await inLanes(
    OWN_LANES,
    all.filter((cell) => !isShared(cell)),
    async (cell) => ask(cell, await ownRequest(ground, cell)),
  )
  return { cells, faults }
}

async function inLanes<T>(lanes: number, tasks: readonly T[], act: (task: T) => Promise<void>): Promise<void> {
  const queue = tasks.values()
  const lane = async (): Promise<void> => {
    for (const task of queue) await act(task)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

const newestSeq = async ({ sql }: ApiUnderTest): Promise<number> =>
  (await sql.query<{ seq: number }>('select coalesce(max(seq), 0)::int as seq from activity_log')).rows[0]?.seq ?? 0

const recordedSince = async ({ sql }: ApiUnderTest, seq: number): Promise<string[]> =>
  (await sql.query<{ action: string }>('select action from activity_log where seq > $1 order by seq', [seq])).rows.map(
    ({ action }) => action,
  )

type SharedRequests = ReadonlyMap<string, { readonly usual: Request; readonly paused: Request }>

/** A request for every door. It would succeed for a caller with the permission, except where that needs the agent in a state without credentials. */
async function buildShared({ api, usual, paused }: Ground, doors: readonly Door[]): Promise<SharedRequests> {
  const requests = new Map<string, { usual: Request; paused: Request }>()
  for (const { label, route } of doors) {
    const build = async (rows: FixtureRows) => (arrangesAgent(route) ? requestOf(route, rows) : await buildRequest(api, route, rows))
    requests.set(label, { usual: await build(usual), paused: await build(paused) })
  }
  return requests
}

function sharedRequest(ground: Ground, requests: SharedRequests, cell: Cell): Asked {
  const kind = cell.caller.isPaused === true ? 'paused' : 'usual'
  const request = requests.get(cell.door.label)?.[kind] ?? requestOf(cell.door.route, ground[kind])
  return { ...cell, stage: ground.stage, rows: ground[kind], request }
}

/** The request of a caller that may change something, about rows that no other request names. */
async function ownRequest({ api, stage }: Ground, cell: Cell): Promise<Asked> {
  const { route } = cell.door
  const { renew, isPaused = false } = cell.caller
  const own = endsCompany(route) ? { ...stage, fixtures: await createFixtures(api) } : stage
  const asking = endsSession(route) && renew !== undefined ? await renew(own) : own
  const rows = await createFixtureRows(asking.fixtures)
  const request = await buildRequest(api, route, rows)
  if (isPaused) await pauseAgent(api, rows)
  return { ...cell, stage: asking, rows, request }
}

/** The cell of a request, and the faults that it does not show. */
async function look(url: string, ground: Ground, asked: Asked): Promise<{ text: string; found: string[] }> {
  const { door, caller, stage, rows, request } = asked
  const sent = { ...request, headers: headersBy(caller.headers(stage, rows), request) }
  const reply = await send(url, door, sent)
  const text = cellOf(door, reply)
  const found = [...leaksIn(ground, asked, reply)]
  if (mustBeAsMissing(asked, text)) {
    const path = `${pathOf(door.route, (kind) => (isRowId(rows, kind) ? randomUUID() : rowIdIn(rows)(kind)))}${queryOf(request)}`
    const missing = await send(url, door, { ...sent, path })
    const [there, nowhere] = [comparable(reply, request.path), comparable(missing, path)]
    if (there !== nowhere) found.push(`a missing row is ${nowhere}, this one ${there}`)
  }
  if (!door.isSocket && (isEndless(door.route) || door.route.follows)) {
    const followed = cellOf(door, await follow(url, sent))
    if (followed !== text) found.push(`${text}, and ${followed} when it is followed`)
  }
  return { text, found }
}

const queryOf = ({ path }: Request): string => (path.includes('?') ? path.slice(path.indexOf('?')) : '')

const send = async (url: string, { isSocket }: Door, request: Request): Promise<Reply> =>
  isSocket ? await openSocket(url, request) : await sendRequest(url, request)

function readReply(response: IncomingMessage, resolve: (reply: Reply) => void): void {
  const chunks: Buffer[] = []
  response.on('data', (chunk: Buffer) => chunks.push(chunk))
  response.on('end', () => {
    const text = Buffer.concat(chunks).toString('utf8')
    const isJson = text !== '' && response.headers['content-type']?.startsWith('application/json') === true
    resolve({ status: response.statusCode ?? 0, text, body: isJson ? JSON.parse(text) : undefined, headers: new Headers() })
  })
}

/** Codes of refusals about the caller whose status says something else. */
const aboutTheCaller = new Set([
  'run_id_mismatch',
  'run_unknown',
  'agent_paused',
  'agent_pending',
  'agent_terminated',
  'company_not_active',
])

/** Codes of refusals about a secret in the body. */
const aboutTheRequest = new Set(['password_wrong'])

function cellOf({ route }: Door, { status, text, body }: Reply): string {
  const code = body?.code as string | undefined
  if (status >= 500 || status === 405 || code === 'route_not_found') return `broken: ${status} ${text}`
  // The address of all callers is the same, and public routes count what it does.
  if (status === 429 && !isPublic(route)) return `broken: ${status} ${text}`
  if (aboutTheRequest.has(code ?? '')) return 'yes'
  return status === 401 || status === 403 || status === 404 || aboutTheCaller.has(code ?? '') ? refusalCell(status, code) : 'yes'
}

/** Whether the answer has to be that of a row which does not exist. */
const mustBeAsMissing = ({ door: { route }, caller }: Cell, text: string): boolean =>
  !isPublic(route) && route.path.includes(':') && (text === '404' || (caller.isElsewhere === true && isOfCompany(route) && text !== 'yes'))

const uuidPattern = /[0-9a-f]{8}-[0-9a-f-]{27}/g

/** An answer without its request id and the ids that its path names. */
function comparable({ status, text, body }: Reply, path: string): string {
  const { requestId } = (body ?? {}) as { requestId?: string }
  const named = [...(path.match(uuidPattern) ?? []), ...(requestId === undefined ? [] : [requestId])]
  return named.reduce((shown, id) => shown.replaceAll(id, '…'), `${status} ${text}`)
}

const idsOf = ({ companyId, ids, runId }: FixtureRows): string[] =>
  [...new Set([companyId, runId, ...Object.values(ids)])].filter((id) => id.length === 36)

/** Ids in an answer of rows of a company to which the caller does not belong, and which its request did not name. */
function leaksIn({ foreign, usual }: Ground, { door, caller, request }: Asked, { text }: Reply): string[] {
  if (caller.seesAll === true || isPublic(door.route)) return []
  const sent = `${request.path} ${JSON.stringify(request.body)}`
  const hidden = idsOf(caller.isElsewhere === true ? usual : foreign).filter((id) => !sent.includes(id) && text.includes(id))
  return hidden.map((id) => `the answer has the id ${id} of another company`)
}

/** Asks for a stream that has no end, and leaves it when it begins. */
async function follow(url: string, { path, headers = {} }: Request): Promise<Reply> {
  const abort = new AbortController()
  const response = await fetch(`${url}${path.replace('?follow=false', '')}?follow=true`, { headers, signal: abort.signal })
  if (!response.ok) return { status: response.status, text: '', body: await response.json(), headers: response.headers }
  abort.abort()
  return { status: response.status, text: '', body: undefined, headers: response.headers }
}

/** Sends the handshake of a WebSocket, and leaves when it is open. */
const openSocket = (url: string, { path, headers = {} }: Request): Promise<Reply> =>
  new Promise((resolve, reject) => {
    const key = { 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' }
    const upgrade = startRequest(`${url}${path}`, {
      headers: { ...headers, connection: 'Upgrade', upgrade: 'websocket', ...key },
      agent: false,
    })
    upgrade.on('upgrade', ({ statusCode: status = 0 }, socket) => {
      socket.destroy()
      resolve({ status, text: '', body: undefined, headers: new Headers() })
    })
    upgrade.on('response', (response) => readReply(response, resolve))
    upgrade.on('error', reject)
    upgrade.end()
  })
