// The stage of a hostile agent: a real server, a company with a peer at work, another company, and the hostile agent itself.

import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import { fillHome } from '../testing/readyHome.ts'
import { makeHome, pollFor, removeHome, send, spawnServerProcess } from '../testing/serverProcess.ts'
import type { Reply, ServerProcess } from '../testing/serverProcess.ts'
import { unmetered } from '../testing/unmetered.ts'

const root = path.resolve(import.meta.dirname, '../../..')
const program = readFileSync(new URL('program.mjs', import.meta.url), 'utf8')
/** Longer than every check of the board while the agent stalls; the test cancels the run then. */
const STALL_MS = 120_000
/** An upload of the board is answered within this time. */
const UPLOAD_MS = 15_000

/** Texts that must not reach the hostile agent. */
const SERVER_CANARY = 'canary-of-the-server-7d21'
const PEER_CANARY = 'canary-of-the-peer-41c9'

/** The quotas as they are without a setting: an empty variable counts as not set. */
const metered = Object.fromEntries(Object.keys(unmetered).map((name) => [name, '']))

/** One line of the program: an attack and whether it worked. */
export interface Attack {
  readonly attack: string
  readonly worked: boolean
  readonly note: string
}

export interface StageOptions {
  /** The account of the server; undefined for that of the test. */
  readonly account?: { readonly uid: number; readonly gid: number }
  readonly env?: Readonly<Record<string, string>>
  /** JavaScript that runs in the server's process before the server. */
  readonly preload?: string
}

export interface Stage {
  readonly server: ServerProcess
  readonly url: string
  /** One request of the board. */
  readonly board: (method: string, target: string, body?: unknown) => Promise<Reply>
  readonly companyId: string
  readonly otherCompanyId: string
  readonly peerIssueId: string
  readonly peerId: string
  readonly plan: Readonly<Record<string, unknown>>
}

/** The token of the board where the server asks for one; the test may read the server's home. */
const boardTokenOf = (home: string): string | undefined => {
  const file = path.join(home, 'board-token')
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined
}

const idIn = ({ status, body }: Reply): string => {
  if (status >= 300 || typeof body?.id !== 'string') throw new Error(`no id in ${status} ${JSON.stringify(body)}`)
  return body.id
}

/** The log of a run so far. */
export async function logOf({ board }: Pick<Stage, 'board'>, runId: string): Promise<string> {
  let text = ''
  for (let offset: number | undefined = 0; offset !== undefined;) {
    const { status, body } = await board('GET', `/api/heartbeat-runs/${runId}/log?offset=${offset}`)
    // A run that has printed nothing yet has no log.
    if (status === 404) break
    text += body.content
    offset = body.nextOffset
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { chunk: string }).chunk)
    .join('')
}

/** A peer that writes a secret into its folder, prints where, and works until it is stopped. */
const peerProgram = `require('node:fs').writeFileSync('secret.txt', '${PEER_CANARY}'); console.log('FOLDER ' + process.cwd()); setInterval(() => {}, 1000)`

async function createPeer(
  board: Stage['board'],
  companyId: string,
): Promise<{ id: string; runId: string; issueId: string; folder: string }> {
  const adapterConfig = { command: process.execPath, args: ['-e', peerProgram, PEER_CANARY], env: { PEER_SETTING: PEER_CANARY } }
  const id = idIn(
    await board('POST', `/api/companies/${companyId}/agents`, { name: 'Peer', role: 'engineer', adapterType: 'process', adapterConfig }),
  )
  const issueId = idIn(
    await board('POST', `/api/companies/${companyId}/issues`, { title: 'Held by a peer', status: 'todo', assigneeAgentId: id }),
  )
  const runId = await pollFor(
    'the peer holds its issue',
    async () => (await board('GET', `/api/issues/${issueId}`)).body.executionRunId as string | null,
  )
  const folder = await pollFor('the peer prints its folder', async () => /FOLDER (\S+)/.exec(await logOf({ board }, runId))?.[1])
  return { id, runId, issueId, folder }
}

const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64')

/** Uploads an image as the board. */
export async function uploadImage({ url, server }: Pick<Stage, 'url' | 'server'>, companyId: string): Promise<Response> {
  const form = new FormData()
  form.set('file', new File([PNG], 'a.png', { type: 'image/png' }))
  const token = boardTokenOf(server.home)
  return await fetch(`${url}/api/companies/${companyId}/assets/images`, {
    method: 'POST',
    body: form,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(UPLOAD_MS),
  })
}

/** Starts the server and fills it. The server is stopped in order with the test: its runs end with it. */
export async function setStage({ account, env = {}, preload }: StageOptions): Promise<Stage> {
  const home = await fillHome(makeHome(), account)
  const server = spawnServerProcess({
    home,
    env: { OPERATOR_SECRET: SERVER_CANARY, ...metered, ...env },
    ...(account === undefined ? {} : { account }),
    ...(preload === undefined ? {} : { preload }),
  })
  onTestFinished(async () => {
    await server.stop()
    await removeHome(home)
  })
  const url = await server.url()
  const board: Stage['board'] = (method, target, body) => send(`${url}${target}`, method, body, boardTokenOf(server.home))
  const companyId = idIn(await board('POST', '/api/companies', { name: 'Stage' }))
  const otherCompanyId = idIn(await board('POST', '/api/companies', { name: 'Other' }))
  const otherIssue = idIn(await board('POST', `/api/companies/${otherCompanyId}/issues`, { title: 'Elsewhere', status: 'todo' }))
  for (let count = 0; count < 40; count += 1)
    idIn(
      await board('POST', `/api/companies/${companyId}/issues`, {
        title: `Long ${count}`,
        status: 'backlog',
        description: 'x'.repeat(90_000),
      }),
    )
  const asset = ((await (await uploadImage({ url, server }, companyId)).json()) as { assetId: string }).assetId
  const peer = await createPeer(board, companyId)
  const plan = {
    home: server.home,
    secretFiles: ['agent-jwt-secret', 'board-token', 'audit-head-key', 'database-owner-password', 'database-password'].map((name) =>
      path.join(server.home, name),
    ),
    serverPid: server.pid,
    // In a namespace of its own the program finds it under another number, or not at all.
    serverCommand: readFileSync(`/proc/${server.pid}/cmdline`, 'utf8'),
    serverUid: account?.uid ?? process.getuid?.(),
    serverCanary: SERVER_CANARY,
    databaseSocket: path.join(server.home, 'socket', '.s.PGSQL.5432'),
    program: root,
    operatorHome: home,
    peer: peer.id,
    peerRun: peer.runId,
    peerIssue: peer.issueId,
    peerFolder: peer.folder,
    peerCanary: PEER_CANARY,
    otherCompany: otherCompanyId,
    otherIssue,
    asset,
    stallMs: STALL_MS,
  }
  return { server, url, board, companyId, otherCompanyId, peerIssueId: peer.issueId, peerId: peer.id, plan }
}

/** Creates a hostile agent and starts a run of it. Mallory may hire, others may not. */
export async function startHostileRun(
  { board, companyId, plan }: Stage,
  extra: Readonly<Record<string, unknown>>,
  name = 'Mallory',
): Promise<string> {
  const env = { HOSTILE_PLAN: JSON.stringify({ ...plan, ...extra }) }
  const adapterConfig = { command: process.execPath, args: ['--input-type=module', '-e', program], env, timeoutSec: 240, graceSec: 1 }
  const agent = { name, role: 'engineer', adapterType: 'process', adapterConfig }
  const id = idIn(await board('POST', `/api/companies/${companyId}/agents`, agent))
  const isCreator = name === 'Mallory'
  if (isCreator) await board('PATCH', `/api/agents/${id}/permissions`, { canCreateAgents: true, canAssignTasks: true })
  return idIn(await board('POST', `/api/agents/${id}/heartbeat/invoke`, {}))
}

/** The lines that the program has printed, each a JSON value. */
export const linesOf = (log: string): Record<string, unknown>[] =>
  log
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
