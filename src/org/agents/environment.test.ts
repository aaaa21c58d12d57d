import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { auditCount, useServer, world } from '../../dev/testing/world.ts'
import type { Client, World } from '../../dev/testing/world.ts'

/** A folder with a program that would write a trace, a plain file, and a folder with the name of a program. */
const folder = mkdtempSync(path.join(tmpdir(), 'paperclip-environment-'))
const trace = path.join(folder, 'trace')
const tool = path.join(folder, 'tool')
const plainFile = path.join(folder, 'flat')
writeFileSync(tool, `#!/bin/sh\ntouch ${trace}\n`, { mode: 0o755 })
writeFileSync(plainFile, 'not a program', { mode: 0o644 })
mkdirSync(path.join(folder, 'hollow'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The addresses of host names, and the names that were looked up. */
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

/** The status, and the codes of the checks after those of the configuration. */
async function outcome(type: string, config?: unknown): Promise<[string, ...string[]]> {
  const answer = await ask(type, config)
  expect(answer.status, answer.text).toBe(200)
  const codes = (answer.body.checks as Check[]).map(({ code }) => code)
  expect(codes.slice(0, 2)).toEqual(['adapter_allowed', 'config_valid'])
  return [answer.body.status as string, ...codes.slice(2)]
}

describe('test-environment of a command, asked by the board', () => {
  test('The answer names the folder and the program, and starts nothing', async () => {
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
    ['by an empty entry of the PATH, which is the folder of the run', { command: 'tool', cwd: folder, env: { PATH: '/nowhere:' } }, found],
    ['never, outside the PATH of the configuration', { command: 'tool', env: { PATH: '/nowhere' } }, failing('command_missing')],
    ['never, when it does not exist', { command: '/nowhere/tool' }, failing('command_missing')],
    ['never, when it is a folder', { command: 'hollow' }, failing('command_missing')],
    ['never, when it is not executable', { command: 'flat' }, failing('command_not_executable')],
  ])('A command is found %s', async (_, config, expected) => {
    expect(await outcome('process', config)).toEqual(expected)
  })

  test('The checks include the folder, the instructions and the secrets that runs need', async () => {
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
    expect(await outcome('process', { command: 'tool', env: { KEY: stored } })).toEqual(['pass', 'secret_needed', ...found.slice(1)])
    const hidden = ['warn', 'secret_needed', 'folder_found', 'command_unknown', 'not_executed']
    expect(await outcome('process', { command: 'tool', env: { PATH: stored } })).toEqual(hidden)
  })
})

describe('test-environment of an address, asked by the board', () => {
  test.each([
    ['https://public.test/hook', 'pass', 'address_allowed'],
    ['https://friend.test/hook', 'pass', 'address_allowed'],
    ['https://private.test/hook', 'fail', 'address_refused'],
    ['https://missing.test/hook', 'warn', 'address_unknown'],
    ['http://10.0.0.1/', 'fail', 'address_refused'],
    ['http://[::1]/', 'fail', 'address_refused'],
    ['http://169.254.169.254/latest/meta-data', 'fail', 'address_refused'],
    ['http://0x0a000001/', 'fail', 'address_refused'],
  ])('The address %s gives the status %s', async (url, status, code) => {
    expect(await outcome('http', { url })).toEqual([status, code, 'not_connected'])
    expect(await outcome('openclaw_gateway', { url })).toEqual([status, code, 'not_connected'])
  })

  test('The checks open no connection', async () => {
    let connections = 0
    const listener = createServer((socket) => {
      connections += 1
      socket.destroy()
    })
    await new Promise<void>((resolve) => void listener.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void listener.close())
    const { port } = listener.address() as AddressInfo
    expect(await outcome('http', { url: `http://127.0.0.1:${port}/` })).toEqual(['pass', 'address_allowed', 'not_connected'])
    // A connection would have been accepted before the server answered another request.
    await server().board.get('/api/health')
    expect(connections).toBe(0)
  })
})

describe('test-environment asked by an agent (I18)', () => {
  test('An agent creator gets the same answer for every path and address, so it learns nothing about this host', async () => {
    const creator = await fixture.agent({ permissions: { canCreateAgents: true } })
    const askAsAgent = async (type: string, config: unknown) => {
      const { status, body } = await ask(type, config, creator.client)
      expect(status).toBe(200)
      return { status: body.status, checks: body.checks }
    }
    const here = await askAsAgent('process', { command: tool, cwd: folder })
    expect(here.checks.map(({ code }: Check) => code)).toEqual(['adapter_allowed', 'config_valid', 'not_looked_for'])
    expect(await askAsAgent('process', { command: '/nowhere', cwd: '/nowhere' })).toEqual(here)
    const webAnswers = [
      await askAsAgent('http', { url: 'https://public.test/' }),
      await askAsAgent('http', { url: 'https://missing.test/' }),
    ]
    expect(webAnswers[0]).toEqual(webAnswers[1])
    expect(lookedUpNames).toEqual([])
    expect(await askAsAgent('process', {})).toMatchObject({ status: 'fail' })
  })

  test('An agent that may not hire gets 403, and an agent of another company gets 404', async () => {
    const peer = await fixture.agent()
    expect(await ask('process', {}, peer.client)).toMatchObject({ status: 403, body: { code: 'forbidden' } })
    const elsewhere = await world(server())
    const stranger = await elsewhere.agent({ permissions: { canCreateAgents: true } })
    expect(await ask('process', {}, stranger.client)).toMatchObject({ status: 404, body: { error: 'Company not found' } })
  })
})

describe('test-environment of a configuration', () => {
  test('An invalid configuration gets the problems that a run would report, and nothing is looked up for it', async () => {
    const { body } = await ask('process', { cwd: 'relative', env: { 'NO NAME': 'x' } })
    expect(body.status).toBe('fail')
    const [allowed, ...wrong] = body.checks as Check[]
    expect(allowed?.code).toBe('adapter_allowed')
    expect(new Set(wrong.slice(0, -1).map(({ code }) => code))).toEqual(new Set(['config_invalid']))
    expect(wrong.map(({ message }) => message.split(':')[0])).toEqual(expect.arrayContaining(['command', 'cwd']))
  })

  test('Ignored fields are warnings, of which at most 21 are listed', async () => {
    const { body } = await ask('process', { command: 'tool', shell: true })
    expect(body).toMatchObject({ status: 'warn' })
    expect(body.checks).toContainEqual(expect.objectContaining({ code: 'config_ignored', level: 'warn' }))
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`field${at}${'x'.repeat(100)}`, 1]))
    const { body: bounded, text } = await ask('process', { command: 'tool', ...many })
    expect(bounded.checks.filter(({ code }: Check) => code === 'config_ignored')).toHaveLength(21)
    expect(text.length).toBeLessThan(20_000)
  })

  test('An adapter type that this server may not run is an error with a hint', async () => {
    const { body } = await ask('codex_local')
    expect(body).toMatchObject({ adapterType: 'codex_local', status: 'fail' })
    expect(body.checks[0]).toMatchObject({
      code: 'adapter_not_allowed',
      level: 'error',
      hint: expect.stringContaining('PAPERCLIP_ADAPTERS'),
    })
  })

  test('An unknown adapter type gives 404, and a configuration that is no object gives 400', async () => {
    for (const type of ['nonsense', 'constructor', '__proto__', 'PROCESS', '%20'])
      expect(await ask(type)).toMatchObject({ status: 404, body: { error: 'Adapter not found' } })
    for (const config of ['words', [], null, 7])
      expect(await ask('process', config)).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
  })

  test('The answer contains no secret of the configuration', async () => {
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
