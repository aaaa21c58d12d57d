import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { AdapterOptions } from './registry.ts'
import { TOKEN, answering, httpAgent, outcomeOf, startTestRun, splitWords } from './testKit.ts'

const local: Partial<AdapterOptions> = { allowedAddresses: ['127.0.0.1'] }
const startHttpRun = (config: unknown, options: Partial<AdapterOptions> = local, facts = {}) => startTestRun('http', config, facts, options)

describe('An HTTP agent that answers', () => {
  test('The agent receives the facts of the run, and its report ends the run', async () => {
    const { url, requests } = await httpAgent(
      answering({
        status: 'succeeded',
        result: { summary: 'Done.' },
        usage: { inputTokens: 10, outputTokens: 7, costUsd: 0.5 },
        sessionId: 's-2',
      }),
    )
    const run = startHttpRun(
      {
        url: `${url}/hook?key=k`,
        headers: { 'X-Team': 'a', Authorization: { type: 'secret_ref', secretId: 's1' } },
        payloadTemplate: { team: 'a', runId: 'x' },
      },
      local,
      { secrets: { 'headers.Authorization': 'Bearer hook-secret' }, sessionIdBefore: 's-1', context: { issue: { title: 'T' } } },
    )
    expect(await outcomeOf(run)).toMatchObject({
      status: 'succeeded',
      result: { summary: 'Done.' },
      usage: { inputTokens: 10, cachedInputTokens: 0, outputTokens: 7, costUsd: 0.5, model: null },
      sessionIdAfter: 's-2',
      exitCode: null,
    })
    expect(requests).toMatchObject([
      {
        method: 'POST',
        url: '/hook?key=k',
        headers: { 'x-team': 'a', authorization: 'Bearer hook-secret', 'content-type': 'application/json' },
      },
    ])
    const { runId, agentId, companyId, issueId, wakeReason, apiUrl, prompt } = run.job
    expect(requests[0]?.body).toEqual({
      runId,
      agentId,
      companyId,
      taskId: issueId,
      wakeReason,
      wakeCommentId: null,
      approvalId: null,
      approvalStatus: null,
      linkedIssueIds: [],
      apiUrl,
      prompt,
      sessionId: 's-1',
      context: { issue: { title: 'T' } },
      team: 'a',
    })
    expect(JSON.stringify(run.recorded.events)).not.toMatch(/hook-secret|key=k/)
    expect(run.recorded.text('stdout')).toContain('Done.')
  })

  test('The configuration can add the run token to the body and choose the method PUT', async () => {
    const { url, requests } = await httpAgent(answering(`you said ${TOKEN}`))
    const run = startHttpRun({ url, method: 'put', sendToken: true })
    expect(await outcomeOf(run)).toMatchObject({ status: 'succeeded', result: null, stdoutExcerpt: 'you said ***REDACTED***' })
    expect(requests).toMatchObject([{ method: 'PUT', body: { token: TOKEN } }])
  })

  test.each([
    ['status 202', answering({ runId: 'theirs' }, 202), {}],
    ['a pending status in the body', answering({ status: 'accepted', runId: 'theirs' }), {}],
    ['async in its configuration', answering({ status: 'succeeded', runId: 'theirs' }), { async: true }],
  ])('A run of an agent with %s stays pending until the agent calls finish', async (_, answer, config) => {
    const { url } = await httpAgent(answer)
    expect(await startHttpRun({ url, ...config }).outcome).toMatchObject({ pending: true, externalRunId: 'theirs' })
  })

  test.each([
    [
      { status: 'failed', error: 'No credit' },
      { status: 'failed', error: 'No credit' },
    ],
    [{ status: 'timed_out' }, { status: 'timed_out', error: 'The agent reported the status timed_out' }],
    [
      { status: 'cancelled', error: { message: 'Stopped' } },
      { status: 'cancelled', error: 'Stopped' },
    ],
  ])('A run whose answer is %j does not succeed', async (report, expected) => {
    const { url } = await httpAgent(answering(report))
    expect(await outcomeOf(startHttpRun({ url }))).toMatchObject({ ...expected, errorCode: 'adapter_reported_failure' })
  })

  test.each(['', 'ok', '{"status":"fine"}', '[]', '{', 'null', '{"usage":7,"result":null}'])(
    'A run whose answer is %j succeeds without usage and without result',
    async (body) => {
      const { url } = await httpAgent(answering(body))
      expect(await outcomeOf(startHttpRun({ url }))).toMatchObject({ status: 'succeeded', usage: null, result: null })
    },
  )

  test.each([400, 404, 500, 503])('A run whose agent answers with status %d fails', async (status) => {
    const { url } = await httpAgent(answering('no', status))
    expect(await outcomeOf(startHttpRun({ url }))).toMatchObject({
      status: 'failed',
      errorCode: 'adapter_http_status',
      stdoutExcerpt: 'no',
    })
  })
})

describe('An HTTP agent that does not answer', () => {
  test.each([
    ['sends no byte', () => {}],
    ['sends an incomplete answer', (response: ServerResponse) => void response.writeHead(200).write('{"status":')],
  ])('The run of an agent that %s times out', async (_, answer) => {
    const { url } = await httpAgent(answer)
    expect(await outcomeOf(startHttpRun({ url, timeoutSec: 0.15 }))).toMatchObject({
      status: 'timed_out',
      errorCode: 'timeout',
      error: 'No answer within 0.15 s',
    })
  })

  test('The agent loses its connection when the run is cancelled', async () => {
    let resolveAsked = (): void => {}
    let resolveLost = (): void => {}
    const asked = new Promise<void>((resolve) => {
      resolveAsked = resolve
    })
    const lost = new Promise<void>((resolve) => {
      resolveLost = resolve
    })
    const { url } = await httpAgent((response) => {
      response.on('close', resolveLost)
      resolveAsked()
    })
    const run = startHttpRun({ url })
    await asked
    run.cancel('Cancelled by control plane')
    expect(await outcomeOf(run)).toMatchObject({ status: 'cancelled', errorCode: 'cancelled', error: 'Cancelled by control plane' })
    await lost
  })

  test('A run fails when the agent closes the connection halfway, and when no agent listens', async () => {
    const { url, server } = await httpAgent((response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{"sta')
      response.socket?.end()
    })
    expect(await outcomeOf(startHttpRun({ url }))).toMatchObject({ status: 'failed', errorCode: 'adapter_http_failed' })
    server.close()
    await once(server, 'close')
    expect(await outcomeOf(startHttpRun({ url }))).toMatchObject({
      status: 'failed',
      errorCode: 'adapter_http_failed',
      error: expect.stringContaining('ECONNREFUSED'),
    })
  })

  test('An endless answer is cut off at the limit and the run fails', async () => {
    const { url } = await httpAgent((response) => {
      const more = (): void => {
        while (response.write('x'.repeat(10_000)));
        response.once('drain', more)
      }
      more()
    })
    expect(await outcomeOf(startHttpRun({ url }))).toMatchObject({ status: 'failed', errorCode: 'adapter_http_too_large' })
  })

  test.each([301, 302, 303, 307, 308])('A redirect with status %d is not followed, so no other server receives the run', async (status) => {
    const inner = await httpAgent(answering({ status: 'succeeded' }), '127.0.0.2')
    const outer = await httpAgent((response) => void response.writeHead(status, { location: inner.url }).end())
    expect(await outcomeOf(startHttpRun({ url: outer.url }))).toMatchObject({ status: 'failed', errorCode: 'adapter_http_redirect' })
    expect(inner.connections()).toBe(0)
  })
})

describe('An HTTP agent that fails without saying so by its status (K26)', () => {
  test.each([
    [{ status: 'error', error: 'out of credit' }, 'out of credit'],
    [{ status: 'ERROR', message: 'no model' }, 'no model'],
    [{ status: 'failure' }, 'The agent reported the status failed'],
    [{ success: false, error: { message: 'no tool' } }, 'no tool'],
    [{ ok: false, reason: 'asleep' }, 'asleep'],
  ])('The report %j fails the run with its reason', async (body, error) => {
    const { url } = await httpAgent(answering(body))
    expect(await outcomeOf(startHttpRun({ url }))).toMatchObject({ status: 'failed', errorCode: 'adapter_reported_failure', error })
  })

  test.each([{ status: 'ok' }, { success: true }, { status: 'completed', error: null }, {}])('The report %j is a success', async (body) => {
    const { url } = await httpAgent(answering(body))
    expect(await outcomeOf(startHttpRun({ url }))).toMatchObject({ status: 'succeeded' })
  })

  test.each(['text/html; charset=utf-8', 'application/json'])('A web page served as %s is no report', async (type) => {
    const { url } = await httpAgent((response) => void response.writeHead(200, { 'content-type': type }).end('<!DOCTYPE html><p>Sign in'))
    expect(await outcomeOf(startHttpRun({ url }))).toMatchObject({
      status: 'failed',
      errorCode: 'adapter_reported_failure',
      error: expect.stringMatching(/answered with a web page/),
    })
  })

  test.each(['http', 'openclaw_gateway'] as const)(
    'An agent of type %s that compresses its answer is read, within the limit of bytes',
    async (type) => {
      const report = { status: 'failed', error: { message: 'disk full' } }
      const gzipped = (value: unknown) => (response: ServerResponse) =>
        void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(JSON.stringify(value)))
      const { url } = await httpAgent(gzipped(report))
      expect(await outcomeOf(startTestRun(type, { url }, {}, local))).toMatchObject({ status: 'failed', error: 'disk full' })
      const bomb = await httpAgent(gzipped({ status: 'succeeded', filler: 'x'.repeat(5_000_000) }))
      expect(await outcomeOf(startTestRun(type, { url: bomb.url }, {}, local))).toMatchObject({ errorCode: 'adapter_http_failed' })
    },
  )

  test.each(['http', 'openclaw_gateway'] as const)('The limit of an agent of type %s in milliseconds holds', async (type) => {
    const { url } = await httpAgent(() => {})
    expect(await outcomeOf(startTestRun(type, { url, timeoutMs: 100 }, {}, local))).toMatchObject({
      status: 'timed_out',
      error: 'No answer within 0.1 s',
    })
  })
})

describe('The session of an HTTP agent (K1)', () => {
  const resumed = { sessionIdBefore: 'before-1' }

  test.each([
    { status: 'failed', error: 'gone' },
    { status: 'error', usage: { inputTokens: 0, outputTokens: 0 }, sessionId: 's-2' },
  ])('A session with which its run failed at no cost is given up: %j', async (body) => {
    const { url } = await httpAgent(answering(body))
    expect(await outcomeOf(startHttpRun({ url }, local, resumed))).toMatchObject({
      status: 'failed',
      errorCode: 'adapter_session_unknown',
      sessionIdAfter: null,
    })
    expect(await outcomeOf(startHttpRun({ url }))).toMatchObject({ errorCode: 'adapter_reported_failure' })
  })

  test.each([{ usage: { inputTokens: 3 } }, { result: { summary: 'half' } }])('A run that did %j keeps its session', async (work) => {
    const { url } = await httpAgent(answering({ status: 'failed', error: 'stuck', ...work }))
    expect(await outcomeOf(startHttpRun({ url }, local, resumed))).toMatchObject({ errorCode: 'adapter_reported_failure' })
  })
})

describe('An address that is not public', () => {
  const refused = { status: 'failed', errorCode: 'adapter_address_refused' }

  test.each([
    ...splitWords('127.0.0.1 127.1 0x7f000001 0177.0.0.1 2130706433 017700000001 127.0.0.2 0.0.0.0 0 %31%32%37.0.0.1'),
    ...splitWords('１２７.0.0.1 [::1] [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:ffff:7f00:0001] [::] [::127.0.0.1]'),
    ...splitWords('169.254.169.254 10.0.0.1 192.168.1.1 172.16.0.1 100.64.0.1 224.0.0.1 [fe80::1] [fc00::1] [ff02::1]'),
    ...splitWords('[64:ff9b::7f00:1] [2002:7f00:1::] localhost LOCALHOST'),
  ])('The server opens no connection to %s', async (host) => {
    const { port, connections } = await httpAgent(answering({ status: 'succeeded' }))
    expect(await outcomeOf(startHttpRun({ url: `http://${host}:${port}/` }, {}))).toMatchObject(refused)
    expect(connections()).toBe(0)
  })

  test('The server opens no connection when a host name resolves to such an address, even if it resolved to another one before', async () => {
    const { port, connections } = await httpAgent(answering({ status: 'succeeded' }))
    for (const address of ['127.0.0.1', '::ffff:127.0.0.1', '::1', 'not an address']) {
      const resolve = () => Promise.resolve([{ address, family: address.includes(':') ? 6 : 4 }])
      expect(await outcomeOf(startHttpRun({ url: `http://rebound.example:${port}/` }, { resolve }))).toMatchObject(refused)
    }
    expect(connections()).toBe(0)

    let lookups = 0
    const rebinding = () => Promise.resolve([{ address: lookups++ === 0 ? '127.0.0.1' : '127.0.0.2', family: 4 }])
    const options = { ...local, resolve: rebinding }
    expect(await outcomeOf(startHttpRun({ url: `http://rebound.example:${port}/` }, options))).toMatchObject({ status: 'succeeded' })
    expect([lookups, connections()]).toEqual([1, 1])
    expect(await outcomeOf(startHttpRun({ url: `http://rebound.example:${port}/` }, options))).toMatchObject(refused)
    expect([lookups, connections()]).toEqual([2, 1])
  })

  test('The server skips a refused address of a host name that also has an allowed one', async () => {
    const allowed = await httpAgent(answering({ status: 'succeeded' }))
    const other = await httpAgent(answering({ status: 'failed' }), '127.0.0.2', allowed.port)
    const resolve = () => Promise.resolve(['127.0.0.2', '127.0.0.1'].map((address) => ({ address, family: 4 })))
    expect(await outcomeOf(startHttpRun({ url: `http://both.example:${allowed.port}/` }, { ...local, resolve }))).toMatchObject({
      status: 'succeeded',
    })
    expect(other.connections()).toBe(0)
  })

  test.each([[['localhost']], [['127.0.0.0/8', '::1']]])(
    'The server connects to a private address when the operator allows %j',
    async (allowedAddresses) => {
      const { port } = await httpAgent(answering({ status: 'succeeded' }))
      const resolve = () => Promise.resolve([{ address: '127.0.0.1', family: 4 }])
      expect(await outcomeOf(startHttpRun({ url: `http://localhost:${port}/` }, { allowedAddresses, resolve }))).toMatchObject({
        status: 'succeeded',
      })
    },
  )

  test('A run fails when the host name has no address', async () => {
    const nowhere = () => Promise.reject(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' }))
    for (const resolve of [nowhere, () => Promise.resolve([])])
      expect(await outcomeOf(startHttpRun({ url: 'http://nowhere.example/' }, { resolve }))).toMatchObject({
        errorCode: 'adapter_http_failed',
      })
  })
})

test.each([
  { url: 'ftp://a.example/' },
  { url: 'file:///etc/passwd' },
  { url: 'http://' },
  { url: 'http://a.example/', headers: { Host: 'b.example' } },
  { url: 'http://a.example/', headers: { 'Transfer-Encoding': 'chunked' } },
  { url: 'http://a.example/', headers: { 'X-A\r\nX-B': 'x' } },
  { url: 'http://a.example/', headers: { 'X-A': 'x\r\nX-B: y' } },
  { url: 'http://a.example/', method: 'DELETE' },
  {},
])('The configuration %j of an HTTP agent is invalid', async (config) => {
  expect(await outcomeOf(startHttpRun(config))).toMatchObject({ status: 'failed', errorCode: 'adapter_config_invalid' })
})
