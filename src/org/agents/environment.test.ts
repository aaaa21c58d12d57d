import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { auditCount, useServer, world } from '../../dev/testing/world.ts'
import type { Client, World } from '../../dev/testing/world.ts'

/** A folder with a program that would leave a trace, a file that is none, and a folder that has the name of one. */
const folder = mkdtempSync(path.join(tmpdir(), 'paperclip-environment-'))
const trace = path.join(folder, 'trace')
const tool = path.join(folder, 'tool')
const plainFile = path.join(folder, 'flat')
writeFileSync(tool, `#!/bin/sh\ntouch ${trace}\n`, { mode: 0o755 })
writeFileSync(plainFile, 'not a program', { mode: 0o644 })
mkdirSync(path.join(folder, 'hollow'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What names lead to, and which were looked up. */
const addresses: Readonly<Record<string, string>> = {
  'public.test': '93.184.215.14',
  'private.test': '10.0.0.1',
  'friend.test': '10.0.0.2',
}
const lookedUpNames: string[] = []

const server = useServer({
  adapters: {
    environment: { PATH: folder },
    workFolder: folder,
    allowedTypes: ['process', 'http', 'openclaw_gateway', 'claude_local'],
    allowedAddresses: ['127.0.0.1', 'friend.test'],
    resolve(host) {
      lookedUpNames.push(host)
      const address = addresses[host]
      return address === undefined ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve([{ address, family: 4 }])
    },
  },
})

let fixture: World
beforeEach(async () => {
  fixture = await world(server())
  lookedUpNames.length = 0
})

interface Check {
  readonly code: string
  readonly message: string
  readonly detail: string | null
}

const ask = (type: string, adapterConfig?: unknown, client: Client = server().board) =>
  client.post(
    `/api/companies/${fixture.company.id}/adapters/${type}/test-environment`,
    adapterConfig === undefined ? undefined : { adapterConfig },
  )

/** The outcome, and the codes of the checks behind those of the configuration. */
async function outcome(type: string, config?: unknown): Promise<[string, ...string[]]> {
  const answer = await ask(type, config)
  expect(answer.status, answer.text).toBe(200)
  const codes = (answer.body.checks as Check[]).map(({ code }) => code)
  expect(codes.slice(0, 2)).toEqual(['adapter_allowed', 'config_valid'])
  return [answer.body.status as string, ...codes.slice(2)]
}

describe('the board learns whether a command can be started', () => {
  test('from where it is, without starting it', async () => {
    const before = await auditCount(server())
    const { body } = await ask('process', { command: 'tool', cwd: folder })
    expect(body).toEqual({
      adapterType: 'process',
      status: 'pass',
      checks: [
        { code: 'adapter_allowed', level: 'info', message: expect.any(String), detail: null, hint: null },
        { code: 'config_valid', level: 'info', message: expect.any(String), detail: null, hint: null },
        { code: 'folder_found', level: 'info', message: expect.any(String), detail: folder, hint: null },
        { code: 'command_found', level: 'info', message: 'tool is found', detail: tool, hint: null },
        { code: 'not_executed', level: 'info', message: expect.any(String), detail: null, hint: null },
      ],
      testedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    })
    expect(existsSync(trace)).toBe(false)
    expect(await auditCount(server())).toBe(before)
  })

  const found = ['pass', 'folder_found', 'command_found', 'not_executed']
  const failing = (code: string) => ['fail', 'folder_found', code, 'not_executed']

  test.each([
    ['by its whole path', { command: tool }, found],
    ['relative to the folder of the run', { command: './tool', cwd: folder }, found],
    ['in the PATH of the configuration', { command: 'tool', env: { PATH: `/nowhere:${folder}` } }, found],
    ['in a PATH that names the folder of the run by nothing', { command: 'tool', cwd: folder, env: { PATH: '/nowhere:' } }, found],
    ['not, where the PATH of the configuration does not lead', { command: 'tool', env: { PATH: '/nowhere' } }, failing('command_missing')],
    ['not, when it is not there', { command: '/nowhere/tool' }, failing('command_missing')],
    ['not, when it is a folder', { command: 'hollow' }, failing('command_missing')],
    ['not, when it may not be executed', { command: 'flat' }, failing('command_not_executable')],
  ])('found %s', async (_, config, expected) => {
    expect(await outcome('process', config)).toEqual(expected)
  })

  test('with the folder, the instructions and the secrets that runs need', async () => {
    writeFileSync(path.join(folder, 'claude'), '', { mode: 0o755 })
    expect(await outcome('claude_local')).toEqual(found)
    expect(await outcome('claude_local', { cwd: '/nowhere' })).toEqual(['fail', 'folder_missing', 'command_found', 'not_executed'])
    const instructed = (file: string) => outcome('claude_local', { instructionsFilePath: file })
    expect(await instructed(plainFile)).toEqual(['pass', 'folder_found', 'command_found', 'instructions_found', 'not_executed'])
    for (const file of [folder, '/nowhere/AGENTS.md'])
      expect(await instructed(file)).toEqual(['fail', 'folder_found', 'command_found', 'instructions_missing', 'not_executed'])
    const endless = path.join(folder, 'endless')
    writeFileSync(endless, 'x'.repeat(256 * 1024 + 1))
    expect(await instructed(endless)).toEqual(['fail', 'folder_found', 'command_found', 'instructions_too_long', 'not_executed'])
    const stored = { type: 'secret_ref', secretId: 's' }
    expect(await outcome('process', { command: 'tool', env: { KEY: stored } })).toEqual(['warn', 'secret_needed', ...found.slice(1)])
    const hidden = ['warn', 'secret_needed', 'folder_found', 'command_unknown', 'not_executed']
    expect(await outcome('process', { command: 'tool', env: { PATH: stored } })).toEqual(hidden)
  })
})

describe('the board learns whether this server may connect to an agent', () => {
  test.each([
    ['https://public.test/hook', 'pass', 'address_allowed'],
    ['https://friend.test/hook', 'pass', 'address_allowed'],
    ['https://private.test/hook', 'fail', 'address_refused'],
    ['https://missing.test/hook', 'warn', 'address_unknown'],
    ['http://10.0.0.1/', 'fail', 'address_refused'],
    ['http://[::1]/', 'fail', 'address_refused'],
    ['http://169.254.169.254/latest/meta-data', 'fail', 'address_refused'],
    ['http://0x0a000001/', 'fail', 'address_refused'],
  ])('%s: %s', async (url, status, code) => {
    expect(await outcome('http', { url })).toEqual([status, code, 'not_connected'])
    expect(await outcome('openclaw_gateway', { url })).toEqual([status, code, 'not_connected'])
  })

  test('and nothing connects there', async () => {
    let connections = 0
    const listener = createServer((socket) => {
      connections += 1
      socket.destroy()
    })
    await new Promise<void>((resolve) => void listener.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void listener.close())
    const { port } = listener.address() as AddressInfo
    expect(await outcome('http', { url: `http://127.0.0.1:${port}/` })).toEqual(['pass', 'address_allowed', 'not_connected'])
    // Whoever connected would have been told before a whole request more was answered.
    await server().board.get('/api/health')
    expect(connections).toBe(0)
  })
})

describe('an agent that may hire learns what is wrong with a configuration, and nothing of this host (I18)', () => {
  test('whatever an agent names, it learns the same', async () => {
    const creator = await fixture.agent({ permissions: { canCreateAgents: true } })
    const askAsAgent = async (type: string, config: unknown) => {
      const { status, body } = await ask(type, config, creator.client)
      expect(status).toBe(200)
      return { status: body.status, checks: body.checks }
    }
    const here = await askAsAgent('process', { command: tool, cwd: folder })
    expect(here.checks.map(({ code }: Check) => code)).toEqual(['adapter_allowed', 'config_valid', 'not_looked_for'])
    expect(await askAsAgent('process', { command: '/nowhere', cwd: '/nowhere' })).toEqual(here)
    const webs = [await askAsAgent('http', { url: 'https://public.test/' }), await askAsAgent('http', { url: 'https://missing.test/' })]
    expect(webs[0]).toEqual(webs[1])
    expect(lookedUpNames).toEqual([])
    expect(await askAsAgent('process', {})).toMatchObject({ status: 'fail' })
  })

  test('in its own company only, and no other agent learns anything', async () => {
    const peer = await fixture.agent()
    expect(await ask('process', {}, peer.client)).toMatchObject({ status: 403, body: { code: 'forbidden' } })
    const stranger = await (await world(server())).agent({ permissions: { canCreateAgents: true } })
    expect(await ask('process', {}, stranger.client)).toMatchObject({ status: 404, body: { error: 'Company not found' } })
  })
})

describe('a configuration is judged', () => {
  test('as this server would judge it before a run, and nothing is looked for where it is not valid', async () => {
    const { body } = await ask('process', { cwd: 'relative', env: { 'NO NAME': 'x' } })
    expect(body.status).toBe('fail')
    const [allowed, ...wrong] = body.checks as Check[]
    expect(allowed?.code).toBe('adapter_allowed')
    expect(new Set(wrong.slice(0, -1).map(({ code }) => code))).toEqual(new Set(['config_invalid']))
    expect(wrong.map(({ message }) => message.split(':')[0])).toEqual(expect.arrayContaining(['command', 'cwd']))
  })

  test('with what is ignored in it, told of as many as anybody reads', async () => {
    const { body } = await ask('process', { command: 'tool', shell: true })
    expect(body).toMatchObject({ status: 'warn' })
    expect(body.checks).toContainEqual(expect.objectContaining({ code: 'config_ignored', level: 'warn' }))
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`field${at}${'x'.repeat(100)}`, 1]))
    const { body: much, text } = await ask('process', { command: 'tool', ...many })
    expect(much.checks.filter(({ code }: Check) => code === 'config_ignored')).toHaveLength(21)
    expect(text.length).toBeLessThan(20_000)
  })

  test('for a type that this server may not run', async () => {
    const { body } = await ask('codex_local')
    expect(body).toMatchObject({ adapterType: 'codex_local', status: 'fail' })
    expect(body.checks[0]).toMatchObject({
      code: 'adapter_not_allowed',
      level: 'error',
      hint: expect.stringContaining('PAPERCLIP_ADAPTERS'),
    })
  })

  test('for no type that nobody has, and from no body that is none', async () => {
    for (const type of ['nonsense', 'constructor', '__proto__', 'PROCESS', '%20'])
      expect(await ask(type)).toMatchObject({ status: 404, body: { error: 'Adapter not found' } })
    for (const config of ['words', [], null, 7])
      expect(await ask('process', config)).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
  })

  test('without a word of what is secret in it', async () => {
    const secret = 'hunter2hunter2hunter2'
    const configs: readonly [string, unknown][] = [
      ['process', { command: 'tool', env: { API_KEY: secret, PATH: { type: 'plain', value: `/${secret}` } }, token: secret }],
      ['process', { command: 7, env: { API_KEY: { type: 'plain', value: [secret] } }, cwd: secret, args: { secret } }],
      ['process', { command: `tool --token=${secret}` }],
      ['http', { url: `https://user:${secret}@public.test/?key=${secret}`, headers: { authorization: secret, host: secret } }],
      ['http', { url: `https://user:${secret}@private.test/${secret}`, payloadTemplate: { secret } }],
      ['openclaw_gateway', { url: `wss://public.test/${secret}`, authToken: secret }],
    ]
    for (const [type, config] of configs) {
      const answer = await ask(type, config)
      expect(answer.status).toBe(200)
      expect(answer.text).not.toContain(secret)
    }
  })
})
