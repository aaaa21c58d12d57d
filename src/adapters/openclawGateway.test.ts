import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { TOKEN, answering, httpAgent, outcomeOf, startTestRun } from './testKit.ts'

const local = { allowedAddresses: ['127.0.0.1'] }

/** A gateway whose configured URL is the one of its WebSocket. */
async function gateway(answer: (response: ServerResponse) => void) {
  const { requests, url } = await httpAgent(answer)
  return { requests, url: `${url.replace('http', 'ws')}/ws` }
}

const done = {
  id: 'resp_1',
  status: 'completed',
  model: 'openclaw:main',
  output: [
    {
      type: 'message',
      content: [
        { type: 'output_text', text: 'Do' },
        { type: 'output_text', text: 'ne.' },
      ],
    },
  ],
  usage: { input_tokens: 10, output_tokens: 7 },
}

test('A gateway receives the session of the issue, answers while the request is open, and never receives the run token', async () => {
  const { url, requests } = await gateway(answering(done))
  const config = { url, authToken: { type: 'secret_ref', secretId: 's1' }, agentId: 'beta' }
  const run = startTestRun('openclaw_gateway', config, { secrets: { authToken: 'gateway-secret' } }, local)
  expect(await outcomeOf(run)).toMatchObject({
    status: 'succeeded',
    result: { summary: 'Done.', responseId: 'resp_1' },
    usage: { inputTokens: 10, outputTokens: 7, cachedInputTokens: 0, costUsd: null, model: 'openclaw:main' },
  })
  expect(requests).toMatchObject([
    { url: '/v1/responses', headers: { authorization: 'Bearer gateway-secret', 'x-openclaw-agent-id': 'beta' } },
  ])
  expect(requests[0]?.body).toMatchObject({
    model: 'openclaw:beta',
    user: `paperclip:agent:${run.job.agentId}:issue:${run.job.issueId}`,
    input: expect.stringContaining(`PAPERCLIP_RUN_ID=${run.job.runId}`),
  })
  expect(requests[0]?.text).not.toContain(TOKEN)
  expect(JSON.stringify([run.recorded.events, run.recorded.chunks])).not.toContain('gateway-secret')
})

test.each([
  ['issue', 'paperclip:agent:a0000000-0000-4000-8000-000000000001'],
  ['fixed', 'ours'],
])('Without an issue the session key strategy %s yields the session %s', async (sessionKeyStrategy, user) => {
  const { url, requests } = await gateway(answering(done))
  await startTestRun('openclaw_gateway', { url, sessionKeyStrategy, sessionKey: 'ours' }, { issueId: null }, local).outcome
  expect(requests[0]?.body).toMatchObject({ user })
})

test.each([
  [
    'a failed response',
    answering({ status: 'failed', error: { message: 'No credit' } }),
    { errorCode: 'adapter_reported_failure', error: 'No credit' },
  ],
  ['no response', (response: ServerResponse) => void response.end('hello'), { errorCode: 'adapter_reported_failure' }],
  ['a refusal', (response: ServerResponse) => void response.writeHead(401).end(), { errorCode: 'adapter_http_status' }],
  [
    'a redirect',
    (response: ServerResponse) => void response.writeHead(302, { location: '/' }).end(),
    { errorCode: 'adapter_http_redirect' },
  ],
  ['more than the limit', (response: ServerResponse) => void response.end('x'.repeat(5000)), { errorCode: 'adapter_http_too_large' }],
  ['nothing in time', () => {}, { status: 'timed_out', errorCode: 'timeout' }],
])('A gateway that answers with %s ends the run without success', async (_, answer, expected) => {
  const { url } = await gateway(answer)
  const run = startTestRun('openclaw_gateway', { url, timeoutSec: 0.3 }, {}, { ...local, answerLimitBytes: 4000 })
  expect(await outcomeOf(run)).toMatchObject({ status: 'failed', ...expected })
})

test('A request to a gateway can be cancelled, and is refused when the operator allows no private address', async () => {
  const { url, requests } = await gateway(() => {})
  const run = startTestRun('openclaw_gateway', { url }, {}, local)
  run.cancel('Cancelled')
  expect(await outcomeOf(run)).toMatchObject({ status: 'cancelled' })
  expect(await outcomeOf(startTestRun('openclaw_gateway', { url }))).toMatchObject({ errorCode: 'adapter_address_refused' })
  expect(requests).toEqual([])
})
