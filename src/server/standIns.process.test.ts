import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import path from 'node:path'
import { randomBytes } from 'node:crypto'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { give, installTools, makeProject, startSshAgent, tools } from '../adapters/isolation/standIns.fixture.ts'
import { isRoot, temporaryFolder } from '../adapters/isolation/testKit.ts'
import { isFullCheck } from '../dev/testing/fullCheck.ts'
import { migrateAsTheRelease, releaseFixture, restoreRows, rowLike, writeReleaseFiles } from '../dev/testing/releaseHome.ts'
import type { FixtureRow } from '../dev/testing/releaseHome.ts'
import { canStartAsOrdinary, databaseEnvOf, ordinaryAccount, pollFor, send, startServerProcess } from '../dev/testing/serverProcess.ts'
import type { Reply, ServerProcess } from '../dev/testing/serverProcess.ts'
import { openPool } from '../platform/db/driver/client.ts'
import type { Pool } from '../platform/db/driver/client.ts'

const SLOW_MS = 180_000

type Account = { readonly uid?: number; readonly gid?: number }
const accounts: readonly { readonly name: string; readonly account: Account }[] = [
  { name: isRoot ? 'root' : 'the account of the test', account: {} },
  ...(canStartAsOrdinary() ? [{ name: 'an ordinary account', account: ordinaryAccount }] : []),
]

/** The operator's home with both tools, signed in, and a project of theirs. */
interface Operator {
  readonly account: Account
  readonly home: string
  readonly serverHome: string
  readonly project: string
  readonly env: Readonly<Record<string, string>>
}

function anOperator(account: Account): Operator {
  const home = temporaryFolder()
  chmodSync(home, 0o700)
  const searchPath = installTools(home)
  const serverHome = path.join(home, '.paperclip-server')
  mkdirSync(serverHome, { mode: 0o700 })
  const socket = startSshAgent(account)
  const env = { HOME: home, PAPERCLIP_HOME: serverHome, PATH: searchPath, HTTPS_PROXY: 'http://proxy.example:3128' }
  return { account, home, serverHome, project: makeProject(account), env: socket === undefined ? env : { ...env, SSH_AUTH_SOCK: socket } }
}

/** The socket of the cluster in a folder that every account may enter; logins still need their passwords. */
async function sharedSocket(folder: string): Promise<string> {
  const shared = temporaryFolder()
  const relay = createServer((client) => {
    const database = connect(path.join(folder, '.s.PGSQL.5432'))
    for (const [from, to] of [
      [client, database],
      [database, client],
    ] as const)
      from.on('error', () => to.destroy()).on('close', () => to.destroy())
    client.pipe(database).pipe(client)
  })
  const file = path.join(shared, '.s.PGSQL.5432')
  await new Promise<void>((resolve) => void relay.listen(file, resolve))
  onTestFinished(() => void relay.close())
  chmodSync(shared, 0o755)
  chmodSync(file, 0o777)
  return shared
}

/** An empty database, or that of the release with further rows. */
async function aDatabase(operator: Operator, more: readonly FixtureRow[] | null): Promise<{ sql: Pool; env: Record<string, string> }> {
  const cluster = inject('cluster')
  const database = `stand_ins_${randomBytes(6).toString('hex')}`
  const admin = openPool({ ...cluster, database: 'postgres', max: 1 })
  await admin.query(`create database ${database}`)
  const sql = openPool({ ...cluster, database, max: 2, query_timeout: 0 })
  onTestFinished(async () => {
    await sql.end()
    await admin.query(`drop database ${database} with (force)`)
    await admin.end()
  })
  if (more !== null) {
    await migrateAsTheRelease(sql, temporaryFolder())
    await restoreRows(sql, more)
    writeReleaseFiles(operator.serverHome)
  }
  const host = await sharedSocket(String(cluster.host))
  return { sql, env: databaseEnvOf({ ...inject('application'), host, database }, { ...cluster, host, database }) }
}

function startFor({ account, home, env }: Operator, database: Readonly<Record<string, string>>): ServerProcess {
  give(home, account)
  const { uid, gid } = account
  return startServerProcess({
    home,
    env: { ...database, ...env },
    ...(uid === undefined || gid === undefined ? {} : { account: { uid, gid } }),
  })
}

type Ask = (method: string, target: string, body?: unknown) => Promise<Reply>

/** Invokes an agent and waits for the end of the run. */
async function runOf(ask: Ask, agentId: string): Promise<Reply['body']> {
  const { body: run } = await ask('POST', `/agents/${agentId}/heartbeat/invoke`, {})
  return await pollFor('the run ends', async () => {
    const { body } = await ask('GET', `/heartbeat-runs/${run.id}`)
    return body.finishedAt !== null && body
  })
}

const factsOf = (run: Reply['body']): unknown => JSON.parse(String(run.resultJson?.summary ?? JSON.stringify({ failed: run.error })))

/** The facts of a tool that finds everything: its sign-in, packages, npx, git, the ssh agent and the proxy. */
const worksAs = (name: string): Record<string, unknown> => ({
  package: name,
  server: 'served mcp-stand-in',
  name: 'The Operator',
  commit: '',
  proxy: 'http://proxy.example:3128',
  ssh: expect.stringMatching(/no identities|^none$/),
})

const asOperator = ({ account, project, home }: Operator, ...args: string[]): string =>
  execFileSync('git', ['-C', project, ...args], { ...account, cwd: '/', env: { PATH: process.env['PATH'], HOME: home }, encoding: 'utf8' })

describe.each(accounts)(
  'Tools installed as the real ones, on a server that $name starts with its defaults',
  { timeout: SLOW_MS },
  ({ account }) => {
    // Each of the two is tried under one of the accounts, and in a full check under both.
    const isTried = (isOrdinary: boolean): boolean => isFullCheck || accounts.length === 1 || isOrdinary === 'uid' in account
    test.runIf(isTried(false))(
      'Both work in a project of the operator on a fresh home, and a hire is shown what isolation would keep from it',
      async () => {
        const operator = anOperator(account)
        const database = await aDatabase(operator, null)
        const server = startFor(operator, database.env)
        const url = await server.url()
        const ask: Ask = (method, target, body) => send(`${url}/api${target}`, method, body)
        const { body: company } = await ask('POST', '/companies', { name: 'Stand-ins' })
        for (const { type, name, signIn } of tools) {
          const preflight = async (cwd: string) =>
            (await ask('POST', `/companies/${company.id}/adapters/${type}/test-environment`, { adapterConfig: { cwd } })).body
          expect(await preflight(operator.home)).toMatchObject({
            status: 'fail',
            checks: expect.arrayContaining([
              expect.objectContaining({
                code: 'isolation_lacks',
                message: expect.stringMatching(/To change that: configure a folder below it as cwd$/),
              }),
            ]),
          })
          expect((await preflight(operator.project)).checks).toContainEqual(expect.objectContaining({ code: 'isolated' }))
          const { body: agent } = await ask('POST', `/companies/${company.id}/agents`, {
            name,
            adapterType: type,
            adapterConfig: { cwd: operator.project },
          })
          const run = await runOf(ask, agent.id)
          expect(run, JSON.stringify(run)).toMatchObject({ status: 'succeeded' })
          expect(factsOf(run)).toMatchObject({ ...worksAs(name), token: 'one', user: true })
          // The refreshed sign-in is the operator's, and so is the commit.
          expect(readFileSync(path.join(operator.home, signIn), 'utf8')).toBe('{"token":"one+1"}')
        }
        expect(asOperator(operator, 'log', '--format=%s')).toBe('by the agent\nby the agent\n')
      },
    )

    test.runIf(isTried(true))(
      'On a home of release d4ff285 an agent that lacks nothing is isolated at the start, and another goes on as it was with a notice',
      async () => {
        const operator = anOperator(account)
        const [clear, lacking] = [crypto.randomUUID(), crypto.randomUUID()]
        const config = (cwd: string): string => JSON.stringify({ cwd })
        const database = await aDatabase(operator, [
          rowLike('agents', 'name', 'Clerk', {
            id: clear,
            name: 'Claude',
            url_key: 'claude',
            adapter_type: 'claude_local',
            adapter_config: config(operator.project),
          }),
          rowLike('agents', 'name', 'Clerk', {
            id: lacking,
            name: 'Codex',
            url_key: 'codex',
            adapter_type: 'codex_local',
            adapter_config: config(operator.home),
          }),
        ])
        const server = startFor(operator, database.env)
        const url = await server.url()
        const ask: Ask = (method, target, body) => send(`${url}/api${target}`, method, body)
        const isolationOf = async (id: string) =>
          (await database.sql.query('select isolation from agents where id = $1', [id])).rows[0]?.isolation
        await pollFor('the agent that lacks nothing is isolated', async () => (await isolationOf(clear)) === 'required')
        const notice = await pollFor('the start names what the other lacks', () =>
          server.lines.find(({ msg, ['agentId']: id }) => id === lacking && msg?.startsWith('THIS AGENT IS NOT ISOLATED') === true),
        )
        expect(notice['problems']).toEqual([expect.stringMatching(/may not have .*To change that: configure a folder below it as cwd$/)])
        expect(await isolationOf(lacking)).toBe('pending')
        expect(factsOf(await runOf(ask, clear))).toMatchObject({ ...worksAs('claude-code'), user: true })
        // As before: with the operator's own home, so its sign-in is refreshed in place.
        const asBefore = await runOf(ask, lacking)
        expect(factsOf(asBefore)).toMatchObject({ package: 'codex', token: 'one', name: 'The Operator' })
        const { body: events } = await ask('GET', `/heartbeat-runs/${asBefore.id}/events`)
        expect(JSON.stringify(events)).toContain('THIS AGENT IS NOT ISOLATED')
        // The one setting, and it is isolated from its next run on.
        expect((await ask('PATCH', `/agents/${lacking}`, { adapterConfig: { cwd: operator.project } })).status).toBe(200)
        expect(factsOf(await runOf(ask, lacking))).toMatchObject({ ...worksAs('codex'), user: true })
        await pollFor('it is isolated from now on', async () => (await isolationOf(lacking)) === 'required')
        expect(releaseFixture.facts.companyId).toBe((await ask('GET', `/agents/${clear}`)).body.companyId)
      },
    )
  },
)
