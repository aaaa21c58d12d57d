// One read by the key of an agent, by the key of a command line and by the session of a person: the credential must not decide the speed.

import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import type { Pool } from '../../platform/db/driver/client.ts'
import { createApiClient } from './apiClient.ts'
import type { ApiClient } from './apiClient.ts'
import { startChild, startFlags, stopChild, thisCheckout } from './children.ts'
import { createBenchCompany, ownIssues, workloadScripts } from './company.ts'
import type { Company } from './company.ts'
import { prepareRequest } from './load.ts'
import type { Script } from './load.ts'

/** Of the rate with an agent's key. */
export const CREDENTIAL_BAR = 0.9

/** The same work of each connection, by kind of credential. */
export interface CredentialScripts {
  readonly agentKey: readonly Script[]
  readonly boardKey: readonly Script[]
  readonly session: readonly Script[]
}

/** Where people sign in. */
export interface PeopleServer {
  readonly port: number
  /** A client with the token of the board. */
  readonly api: ApiClient
  readonly sql: Pool
}

const PASSWORD = 'correct horse battery'

/** Sends a form of `/api/auth` from a page of the server. @returns the cookie of the session that it opens */
async function openSession(port: number, form: string, body: object): Promise<string> {
  const url = `http://127.0.0.1:${port}`
  const answer = await fetch(`${url}/api/auth/${form}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: url },
    body: JSON.stringify(body),
  })
  const [cookie] = answer.headers.getSetCookie()
  if (!answer.ok || cookie === undefined) throw new Error(`${form}: ${answer.status} ${await answer.text()}`)
  return cookie.split(';')[0] ?? ''
}

/** Lets a command line act as the person of a session. @returns its key */
async function openBoardKey({ port, api }: PeopleServer, cookie: string): Promise<string> {
  const { id, token, boardApiToken } = await api.post('/api/cli-auth/challenges', { command: 'bench' })
  const origin = `http://127.0.0.1:${port}`
  await createApiClient(port, { cookie, origin }).post(`/api/cli-auth/challenges/${String(id)}/approve`, { token })
  return String(boardApiToken)
}

/** Makes a person who works in the company, with a session and a key for each connection. */
export async function prepareCredentials(server: PeopleServer, company: Company): Promise<CredentialScripts> {
  const { port, sql } = server
  const email = `${randomBytes(6).toString('hex')}@example.com`
  await openSession(port, 'sign-up/email', { name: 'Bench', email, password: PASSWORD })
  await sql.query(
    `insert into company_memberships (company_id, principal_type, principal_id, status, membership_role)
     select $1, 'user', id, 'active', 'operator' from people where email = $2`,
    [company.id, email],
  )
  const [sessions, keys]: [string[], string[]] = [[], []]
  for (let connection = 0; connection < company.workers.length; connection += 1) {
    const cookie = await openSession(port, 'sign-in/email', { email, password: PASSWORD })
    sessions.push(cookie)
    keys.push(await openBoardKey(server, cookie))
  }
  const reads = (headersOf: (connection: number) => Record<string, string>): Script[] =>
    company.workers.map((_, connection) =>
      ownIssues(company, connection).map((id) => prepareRequest({ path: `/api/issues/${id}`, headers: headersOf(connection) })),
    )
  return {
    agentKey: workloadScripts(company)['GET issue'],
    boardKey: reads((connection) => ({ Authorization: `Bearer ${keys[connection]}` })),
    session: reads((connection) => ({ Cookie: sessions[connection] ?? '' })),
  }
}

/** Starts a server on which people sign in, next to others on their database, and measures reads of a company of it. */
export async function withCredentials(
  { env, folder, sql }: { readonly env: Readonly<Record<string, string>>; readonly folder: string; readonly sql: Pool },
  measure: (port: number, scripts: CredentialScripts) => Promise<void>,
): Promise<void> {
  const boardToken = `pcp_local_${randomBytes(24).toString('hex')}`
  const home = path.join(folder, 'people')
  mkdirSync(home)
  const child = await startChild({
    checkout: thisCheckout,
    script: 'src/main.ts',
    env: { ...env, PAPERCLIP_HOME: home, PAPERCLIP_DEPLOYMENT_MODE: 'authenticated', PAPERCLIP_BOARD_TOKEN: boardToken },
    flags: startFlags(thisCheckout),
  })
  try {
    const server = { port: child.port, api: createApiClient(child.port, { authorization: `Bearer ${boardToken}` }), sql }
    await measure(child.port, await prepareCredentials(server, await createBenchCompany(server.api, sql, 'People', 1000)))
  } finally {
    await stopChild(child)
  }
}
