import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { cloneDatabase } from '../dev/testing/database.ts'
import { databaseEnvOf, pollFor, send, startServerProcess, temporaryHome } from '../dev/testing/serverProcess.ts'
import type { Reply } from '../dev/testing/serverProcess.ts'

const SLOW_MS = 180_000
const program = path.join(import.meta.dirname, 'agentIdentity.fixture.js')
const isRoot = process.geteuid?.() === 0
/** An account that is neither the server's nor root's. */
const STRANGER_UID = 54_321

/** A server process on a database of its own, and the requests of the board. */
async function startServer(env: Readonly<Record<string, string>> = {}) {
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  const server = startServerProcess({ home: temporaryHome(), env: { ...databaseEnvOf(database.connection, database.owner), ...env } })
  const url = await server.url()
  const ask = async (method: string, route: string, body?: unknown): Promise<Reply> => {
    const reply = await send(`${url}/api${route}`, method, body)
    expect(reply.status, JSON.stringify(reply.body)).toBeLessThan(300)
    return reply
  }
  return { server, url, ask }
}

type Ask = Awaited<ReturnType<typeof startServer>>['ask']

/** Uploads a file to an issue. @returns the path of its content */
async function uploadFile(url: string, companyId: string, issueId: string): Promise<string> {
  const form = new FormData()
  form.set('file', new File(['words of the board'], 'notes.txt', { type: 'text/plain' }))
  const response = await fetch(`${url}/api/companies/${companyId}/issues/${issueId}/attachments`, { method: 'POST', body: form })
  const attachment = (await response.json()) as { contentPath: string }
  expect(response.status).toBe(201)
  return attachment.contentPath
}

interface Line {
  readonly name: string
  readonly status: number
  readonly body: string
}

/** Runs the hostile agent on an issue. @returns what it printed, and the messages of its run's events */
async function runAgent(ask: Ask, url: string) {
  const companyId = (await ask('POST', '/companies', { name: 'Identity Works' })).body.id as string
  const issueId = (await ask('POST', `/companies/${companyId}/issues`, { title: 'Notes', status: 'backlog' })).body.id as string
  const file = await uploadFile(url, companyId, issueId)
  const adapterConfig = { command: process.execPath, args: [program, 'all', file] }
  const agent = await ask('POST', `/companies/${companyId}/agents`, { name: 'Hostile', adapterType: 'process', adapterConfig })
  await ask('POST', `/companies/${companyId}/issues`, { title: 'Work', status: 'todo', assigneeAgentId: agent.body.id })
  const run = await pollFor('the run of the agent has ended', async () => {
    const runs = (await send(`${url}/api/companies/${companyId}/heartbeat-runs?agentId=${agent.body.id}`)).body
    return runs.find?.(({ status }: { status: string }) => !['queued', 'running'].includes(status))
  })
  const log = (await ask('GET', `/heartbeat-runs/${run.id}/log`)).body.content as string
  const output = log
    .split('\n')
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { chunk: string }).chunk)
    .join('')
  const lines = output
    .split('\n')
    .filter((line) => line.startsWith('{"name"'))
    .map((line) => JSON.parse(line) as Line)
  const events = (await ask('GET', `/heartbeat-runs/${run.id}/events`)).body as { message: string }[]
  return { lines, output, events: events.map(({ message }) => message) }
}

describe('An agent that this server starts is never the board (I19)', () => {
  test.each(['127.0.0.1', '::1'])(
    'A program of a run that leaves out its token is anonymous, by every way to a server on %s',
    async (host) => {
      const { url, ask } = await startServer({ HOST: host })
      const { lines, output, events } = await runAgent(ask, url)
      const statusOf = Object.fromEntries(lines.map(({ name, status }) => [name, status]))
      expect(statusOf, output).toEqual({
        'its own proposal': 202,
        'no header': 401,
        'the name localhost.': 401,
        'the address [::1] as Host': 401,
        ...(host === '127.0.0.1' ? { 'an IPv6 socket': 401 } : {}),
        'its own approval': 401,
        'an event stream': 401,
        // Paperclip's API answers every refused WebSocket with 403.
        'a WebSocket': 403,
        'a file': 401,
        'a child': 401,
        'a child without environment': 401,
        'a grandchild in a session of its own': 401,
        done: 0,
      })
      expect(lines.find(({ name }) => name === 'no header')?.body).toContain('PAPERCLIP_API_KEY')
      expect(events).toContain('a request without the token of the run was refused')
      // A request on a connection that its program closed at once has no author, so it had no effect.
      const names = ((await ask('GET', '/companies')).body as { name: string }[]).map(({ name }) => name)
      expect(names).toEqual(['Identity Works'])
    },
    SLOW_MS,
  )
})

/** Runs a program of JavaScript under another account and returns what it printed. */
async function runAs(uid: number, script: string): Promise<string> {
  const child = spawn(process.execPath, ['-e', script], { uid, gid: uid, cwd: '/', env: {}, stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await once(child, 'close')
  return text
}

const askMe = (url: string): string =>
  `fetch('${url}/api/cli-auth/me').then(async (answer) => console.log(JSON.stringify({ status: answer.status, body: await answer.json() })))`

describe('Who is the board without a credential', () => {
  // Only root can start a process under another account.
  test.skipIf(!isRoot)(
    'Another account is refused with its own number and the way to a token; the account of the server is the board',
    async () => {
      const { url, ask } = await startServer()
      expect((await ask('GET', '/cli-auth/me')).body).toMatchObject({ userId: 'local-board' })
      const answer = JSON.parse(await runAs(STRANGER_UID, askMe(url))) as { status: number; body: { code: string; error: string } }
      expect(answer).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
      expect(answer.body.error).toContain(`uid ${STRANGER_UID}`)
      expect(answer.body.error).toContain('board-token')
    },
    SLOW_MS,
  )
})
