import { randomBytes } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { expect, onTestFinished, test } from 'vitest'
import { cloneDatabase } from '../dev/testing/database.ts'
import { databaseEnvOf, send, startServerProcess, temporaryHome } from '../dev/testing/serverProcess.ts'
import type { ServerProcess } from '../dev/testing/serverProcess.ts'
import { rotateRunKeysOnHost } from './rotateRunKeys.ts'

const SLOW_MS = 180_000

type Env = Readonly<Record<string, string>>

async function databaseEnv(): Promise<Env> {
  const database = await cloneDatabase()
  onTestFinished(() => database.drop())
  return databaseEnvOf(database.connection, database.owner)
}

const start = async (home: string, env: Env, algorithm = 'EdDSA'): Promise<ServerProcess & { readonly address: string }> => {
  const server = startServerProcess({ home, env: { ...env, PAPERCLIP_AGENT_JWT_ALG: algorithm } })
  return { ...server, address: await server.url() }
}

/** An agent of a new company: opens runs for it, and gives their tokens. */
async function createAgent(address: string): Promise<(at: string) => Promise<string>> {
  const company = (await send(`${address}/api/companies`, 'POST', { name: 'Keys' })).body
  const agent = (await send(`${address}/api/companies/${company.id}/agents`, 'POST', { name: 'Locksmith' })).body
  const key = (await send(`${address}/api/agents/${agent.id}/keys`, 'POST', { name: 'test' })).body
  return async (at) => (await send(`${at}/api/agents/${agent.id}/runs`, 'POST', {}, key.token)).body.token as string
}

const statusOf = async (address: string, token: string): Promise<number> =>
  (await send(`${address}/api/agents/me`, 'GET', undefined, token)).status

/** Verifies as another service does, which knows the address of the server and nothing else. */
const verifyElsewhere = async (address: string, token: string): Promise<Record<string, unknown>> => {
  const keys = createRemoteJWKSet(new URL(`${address}/.well-known/jwks.json`))
  return (await jwtVerify(token, keys, { algorithms: ['EdDSA'], issuer: 'paperclip', audience: 'paperclip-api' })).payload
}

test(
  'A server changes to EdDSA and back while a run lives, others verify its tokens, and a rotation leaves no gap',
  { timeout: SLOW_MS },
  async () => {
    const home = temporaryHome()
    const env = await databaseEnv()
    const before = await start(home, env, 'HS256')
    const open = await createAgent(before.address)
    const ofSecret = await open(before.address)
    expect((await send(`${before.address}/.well-known/jwks.json`)).body).toEqual({ keys: [] })
    await before.stop()

    const changed = await start(home, env)
    const keysFile = path.join(changed.home, 'agent-jwt-keys')
    expect((statSync(keysFile).mode & 0o777).toString(8)).toBe('600')
    expect(await statusOf(changed.address, ofSecret)).toBe(200)
    const ofKey = await open(changed.address)
    expect(decodeProtectedHeader(ofKey)).toMatchObject({ alg: 'EdDSA', kid: expect.stringMatching(/^[\w-]{43}$/) as string })
    expect(await verifyElsewhere(changed.address, ofKey)).toMatchObject({ iss: 'paperclip', run_id: expect.any(String) as string })
    const published = JSON.stringify((await send(`${changed.address}/.well-known/jwks.json`)).body)
    const { keys } = JSON.parse(readFileSync(keysFile, 'utf8')) as { keys: readonly { d: string; x: string }[] }
    for (const { d, x } of keys) expect([published.includes(x), published.includes(d)]).toEqual([true, false])

    // A second server of the same home, which reads the new key at its start. The first one has not read it yet.
    rotateRunKeysOnHost({}, changed.home, '0')
    const second = await start(home, env)
    const ofNewKey = await open(second.address)
    expect(decodeProtectedHeader(ofNewKey).kid).not.toBe(decodeProtectedHeader(ofKey).kid)
    for (const { address } of [changed, second])
      for (const token of [ofSecret, ofKey, ofNewKey]) expect(await statusOf(address, token), `${address} ${token}`).toBe(200)
    await verifyElsewhere(second.address, ofKey)
    await verifyElsewhere(second.address, ofNewKey)
    await Promise.all([changed.stop(), second.stop()])

    const back = await start(home, env, 'HS256')
    for (const token of [ofSecret, ofKey, ofNewKey]) expect(await statusOf(back.address, token)).toBe(200)
    expect(decodeProtectedHeader(await open(back.address)).alg).toBe('HS256')
  },
)

test(
  'Servers with homes of their own agree when they are given the keys, and a third with other keys does not start',
  { timeout: SLOW_MS },
  async () => {
    const env = await databaseEnv()
    const keys = (): string => {
      const home = temporaryHome()
      rotateRunKeysOnHost({}, home, undefined)
      return readFileSync(path.join(home, 'agent-jwt-keys'), 'utf8').trim()
    }
    const given = { ...env, PAPERCLIP_AGENT_JWT_KEYS: keys() }
    const one = await start(temporaryHome(), given)
    const two = await start(temporaryHome(), given)
    const open = await createAgent(one.address)
    const token = await open(one.address)
    expect(await statusOf(two.address, token)).toBe(200)
    const third = startServerProcess({
      home: temporaryHome(),
      env: { ...env, PAPERCLIP_AGENT_JWT_ALG: 'EdDSA', PAPERCLIP_AGENT_JWT_KEYS: keys() },
    })
    expect(await third.exited).toEqual({ code: 1, signal: null })
    expect(third.lines.filter(({ level }) => level === 60)).toMatchObject([
      { msg: expect.stringContaining('PAPERCLIP_AGENT_JWT_KEYS') as string },
    ])
  },
)

test('Servers that sign sessions with different secrets do not run on one database', { timeout: SLOW_MS }, async () => {
  const env = { ...(await databaseEnv()), PAPERCLIP_DEPLOYMENT_MODE: 'authenticated' }
  const secret = (): string => randomBytes(36).toString('base64url')
  const [first, other] = [secret(), secret()]
  const one = await start(temporaryHome(), { ...env, BETTER_AUTH_SECRET: first }, 'HS256')
  const second = startServerProcess({ home: temporaryHome(), env: { ...env, BETTER_AUTH_SECRET: other } })
  expect(await second.exited).toEqual({ code: 1, signal: null })
  expect(second.lines.filter(({ level }) => level === 60)).toMatchObject([{ msg: expect.stringContaining('BETTER_AUTH_SECRET') as string }])
  expect(JSON.stringify(second.lines)).not.toContain(other)
  await start(temporaryHome(), { ...env, BETTER_AUTH_SECRET: `${first},${other}` }, 'HS256')
  expect((await one.stop()).code).toBe(0)
})
