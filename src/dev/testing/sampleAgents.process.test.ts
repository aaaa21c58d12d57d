import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cloneDatabase } from './database.ts'
import type { TestDatabase } from './database.ts'
import { databaseEnvOf, makeHome, pollFor, removeHome, send, spawnServerProcess } from './serverProcess.ts'
import type { Reply, ServerProcess } from './serverProcess.ts'

// The agents of doc/AGENTS.md and the tours of the README, against a server as an operator starts it: with the isolation that
// this machine has, so that a sample which another account may not execute is noticed.

const SLOW_MS = 180_000
const root = path.resolve(import.meta.dirname, '../../..')
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8')
const samples = ['doc/agents/agent.sh', 'doc/agents/agent.mjs']

let home = ''
let database: TestDatabase
let server: ServerProcess
let companyId = ''

async function ask(method: string, route: string, body?: unknown): Promise<Reply['body']> {
  const reply = await send(`${await server.url()}/api${route}`, method, body)
  expect(reply.status, JSON.stringify(reply.body)).toBeLessThan(300)
  return reply.body
}

beforeAll(async () => {
  home = makeHome()
  database = await cloneDatabase()
  server = spawnServerProcess({ home, env: databaseEnvOf(database.connection, database.owner) })
  companyId = (await ask('POST', '/companies', { name: 'Sample Works' })).id
}, SLOW_MS)

afterAll(async () => {
  await server.stop()
  await database.drop()
  await removeHome(home)
}, SLOW_MS)

const hire = async (sample: string): Promise<string> =>
  (
    await ask('POST', `/companies/${companyId}/agents`, {
      name: `${path.basename(sample)} ${crypto.randomUUID().slice(0, 8)}`,
      adapterType: 'process',
      adapterConfig: { command: path.join(root, sample), timeoutSec: 30 },
    })
  ).id

/** The first run of an agent, when it has ended; its errors say why where it did not succeed. */
async function endOfFirstRun(agentId: string): Promise<Reply['body']> {
  const run = await pollFor('a run of the agent has ended', async () => {
    const runs = (await ask('GET', `/companies/${companyId}/heartbeat-runs?agentId=${agentId}`)) as { id: string; status: string }[]
    return runs.find(({ status }) => status !== 'queued' && status !== 'running')
  })
  const { status, error, stderrExcerpt } = await ask('GET', `/heartbeat-runs/${run.id}`)
  return { status, error, stderrExcerpt }
}

const success = { status: 'succeeded', error: null, stderrExcerpt: '' }

describe('The sample agents', { timeout: SLOW_MS }, () => {
  test.each(samples)(
    'The program %s takes the issue that it is given, reports, and its run succeeds with the issue done',
    async (sample) => {
      const agentId = await hire(sample)
      const fields = { title: 'Count', description: 'How many "words"\nare these?', status: 'todo', assigneeAgentId: agentId }
      const issue = await ask('POST', `/companies/${companyId}/issues`, fields)
      expect(await endOfFirstRun(agentId)).toEqual(success)
      expect(await ask('GET', `/issues/${issue.id}`)).toMatchObject({ status: 'done', assigneeAgentId: agentId, executionRunId: null })
      expect(await ask('GET', `/issues/${issue.id}/comments`)).toMatchObject([
        { body: 'The description has 5 words.', authorAgentId: agentId },
      ])
    },
  )

  test.each(samples)('The program %s answers a mention on an issue of a person, and changes nothing', async (sample) => {
    const agentId = await hire(sample)
    const issue = await ask('POST', `/companies/${companyId}/issues`, {
      title: 'Not theirs',
      status: 'todo',
      assigneeUserId: 'local-board',
    })
    await ask('POST', `/issues/${issue.id}/comments`, { body: `[you](agent://${agentId}) What do you do?` })
    expect(await endOfFirstRun(agentId)).toEqual(success)
    expect(await ask('GET', `/issues/${issue.id}`)).toMatchObject({ status: 'todo', assigneeUserId: 'local-board' })
    const comments = (await ask('GET', `/issues/${issue.id}/comments`)) as { authorAgentId: string | null; body: string }[]
    expect(comments.filter(({ authorAgentId }) => authorAgentId === agentId)).toMatchObject([
      { body: 'Assign an issue to me, and I count its words.' },
    ])
  })

  test.each(samples)('The program %s ends with 0 when it is woken for no issue', async (sample) => {
    const agentId = await hire(sample)
    await ask('POST', `/agents/${agentId}/heartbeat/invoke`, {})
    expect(await endOfFirstRun(agentId)).toEqual(success)
  })

  test.each(samples)('The document doc/AGENTS.md shows %s as it is', (sample) => {
    expect(read('doc/AGENTS.md')).toContain(`\`\`\`${sample.endsWith('.sh') ? 'sh' : 'js'}\n${read(sample)}\`\`\`\n`)
  })
})

describe('The README', { timeout: SLOW_MS }, () => {
  test('Its tours run as they are printed, one after the other in one shell, and the hired agent is done', async () => {
    const tours = [...read('README.md').matchAll(/^```sh\n(.*?)^```$/gms)]
      .map(([, text = '']) => text)
      // The tour of people needs a server where they sign in: `src/server/people.process.test.ts`.
      .filter((text) => text.includes('$api') && !text.includes('/auth/'))
    expect(tours).toHaveLength(3)
    const script = tours.join('\n').replace('http://127.0.0.1:3100', await server.url())
    const { stdout, stderr } = await promisify(execFile)('bash', ['-eu', '-o', 'pipefail', '-c', script], { cwd: root, encoding: 'utf8' })
    const lines = stdout.trim().split('\n')
    expect(lines.slice(-3), stderr).toEqual(['succeeded', 'done', 'The description has 5 words.'])
    expect(stdout).toContain('"code":"lock_revoked"')
  })
})
