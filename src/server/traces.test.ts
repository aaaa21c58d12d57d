import { expect, onTestFinished, test, vi } from 'vitest'
import { captureLog } from '../dev/testing/captureLog.ts'
import { createOutputFile, createProcessAgent, useRunner } from '../dev/testing/runner.ts'
import { pollFor } from '../dev/testing/serverProcess.ts'
import { startTraceReceiver } from '../dev/testing/traceReceiver.ts'
import type { ReceivedSpan, TraceReceiver } from '../dev/testing/traceReceiver.ts'
import { onThisMachine } from '../dev/testing/slowness.ts'
import { useServer, world } from '../dev/testing/world.ts'
import { openTraces } from '../observe/traces/index.ts'
import type { TraceSettings } from '../observe/traces/settings.ts'
import { beginRequestSpan } from '../platform/kernel/trace.ts'
import { createLog } from '../platform/kernel/log.ts'

const server = useServer()

const [TRACE_ID, SPAN_ID] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7']

const settingsFor = (receiver: Pick<TraceReceiver, 'url'>, others: Partial<TraceSettings> = {}): TraceSettings => ({
  url: `${receiver.url}/v1/traces`,
  headers: {},
  serviceName: 'under-test',
  attributes: {},
  sampler: 'parentbased_always_on',
  ratio: 1,
  ...others,
})

const quiet = createLog('silent', false)

async function receiverOfTest(): Promise<TraceReceiver> {
  const receiver = await startTraceReceiver()
  onTestFinished(() => receiver.close())
  return receiver
}

/** Collects traces for one test. @returns what sends the last of them */
async function collect(settings: TraceSettings, log = quiet): Promise<() => Promise<void>> {
  const traces = await openTraces(settings, { version: 'test', log })
  if (traces === null) throw new Error('the packages of OpenTelemetry are not installed')
  onTestFinished(() => traces.stop())
  return () => traces.stop()
}

const named = (spans: readonly ReceivedSpan[], name: string): ReceivedSpan[] => spans.filter((span) => span.name === name)

function only(spans: readonly ReceivedSpan[], name: string): ReceivedSpan {
  const [span, ...more] = named(spans, name)
  expect(more).toEqual([])
  if (span === undefined) throw new Error(`no span ${name} in ${spans.map((each) => each.name).join()}`)
  return span
}

test('A request and its transaction are spans of the trace of the caller, named by the template of the route', async () => {
  const { company } = await world(server())
  const receiver = await receiverOfTest()
  const flush = await collect(settingsFor(receiver))
  const headers = { traceparent: `00-${TRACE_ID}-${SPAN_ID}-01`, 'content-type': 'application/json' }
  const answer = await fetch(`${server().url}/api/companies/${company.id}/issues`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ title: 'A canary of a title' }),
  })
  expect(answer.status).toBe(201)
  await flush()

  const request = only(receiver.spans, 'POST /api/companies/:companyId/issues')
  expect(request).toMatchObject({ traceId: TRACE_ID, parentSpanId: SPAN_ID, kind: 2 })
  expect(request.facts).toMatchObject({
    'http.route': '/api/companies/:companyId/issues',
    'http.response.status_code': 201,
    'paperclip.actor': 'board',
  })
  expect(answer.headers.get('traceresponse')).toBe(`00-${TRACE_ID}-${request.spanId}-01`)
  const transactions = named(receiver.spans, 'transaction')
  expect(transactions.length).toBeGreaterThan(0)
  for (const transaction of transactions) expect(transaction).toMatchObject({ traceId: TRACE_ID, parentSpanId: request.spanId, kind: 3 })
  expect(receiver.resource()).toMatchObject({ 'service.name': 'under-test', 'service.version': 'test' })
})

test('A span has no text, token, path or query; a refusal is no failure, and its code is a fact', async () => {
  const { company, agent, run, issue } = await world(server())
  const [acting, target] = [await run(await agent()), await issue()]
  const receiver = await receiverOfTest()
  const flush = await collect(settingsFor(receiver))
  await acting.client.post(`/api/issues/${target.id}/comments`, { body: 'A canary of a text' })
  await server().board.get(`/api/companies/${company.id}/issues?q=canary-query`)
  const refused = await acting.client.post(`/api/issues/${target.id}/checkout`, { agentId: acting.agentId, expectedStatuses: ['done'] })
  expect(refused.status).toBe(409)
  await fetch(`${server().url}/api/nowhere/canary-path?x=canary-query`)
  await flush()

  expect(JSON.stringify(receiver.spans)).not.toMatch(/canary/)
  expect(JSON.stringify(receiver.spans)).not.toContain(acting.token)
  const comment = only(receiver.spans, 'POST /api/issues/:id/comments')
  expect(comment.facts).toMatchObject({
    'paperclip.agent_id': acting.agentId,
    'paperclip.run_id': acting.id,
    'paperclip.company_id': company.id,
  })
  const checkout = only(receiver.spans, 'POST /api/issues/:id/checkout')
  expect(checkout.status.code ?? 0).toBe(0)
  expect(checkout.facts['paperclip.code']).toBe(refused.body.code)
  const transaction = receiver.spans.find(({ parentSpanId, name }) => name === 'transaction' && parentSpanId === checkout.spanId)
  expect(transaction?.facts['paperclip.code']).toBe(refused.body.code)
  expect(only(receiver.spans, 'GET').facts['http.response.status_code']).toBe(404)
})

test('A run is one span from its claim to its end; its program is given that span, and its end is a part of it', async () => {
  const receiver = await receiverOfTest()
  const flush = await collect(settingsFor(receiver))
  useRunner(server())
  const { company, agent, issue } = await world(server())
  const output = createOutputFile()
  const script = `require('node:fs').writeFileSync(${JSON.stringify(output.file)}, process.env.TRACEPARENT + '\\n')`
  const worker = await createProcessAgent({ agent }, script)
  await issue({ assigneeAgentId: worker.id })
  const runIds = await pollFor('the run has ended', async () => {
    const { rows } = await server().database.sql.query<{ id: string }>(
      `select id from heartbeat_runs where agent_id = $1 and status = 'succeeded'`,
      [worker.id],
    )
    return rows.length > 0 && rows.map(({ id }) => id)
  })
  const said = await pollFor('the program has said its trace', () => output.lines()[0])
  await flush()

  const run = named(receiver.spans, 'run').find(({ facts }) => facts['paperclip.run_id'] === runIds[0])
  expect(run?.facts).toMatchObject({
    'paperclip.agent_id': worker.id,
    'paperclip.company_id': company.id,
    'paperclip.adapter': 'process',
    'paperclip.run_status': 'succeeded',
  })
  expect(said).toBe(`00-${run?.traceId}-${run?.spanId}-01`)
  expect(run?.parentSpanId ?? '').toBe('')
  expect(named(receiver.spans, 'transaction').some(({ parentSpanId }) => parentSpanId === run?.spanId)).toBe(true)
  expect(Number(run?.endTimeUnixNano)).toBeGreaterThan(Number(run?.startTimeUnixNano))
})

test('A transaction outside of every request and run has no span, so the tasks of the background collect nothing', async () => {
  const receiver = await receiverOfTest()
  const flush = await collect(settingsFor(receiver))
  const { agent } = await world(server())
  await createProcessAgent({ agent }, '')
  useRunner(server())
  await server().board.get('/api/health')
  await flush()
  const transactions = named(receiver.spans, 'transaction')
  expect(transactions.length).toBeGreaterThan(0)
  expect(transactions.filter(({ parentSpanId }) => parentSpanId === undefined || parentSpanId === '')).toEqual([])
})

test('The sampler decides: nothing is collected with always_off, and a caller decides with a sampler that follows its parent', async () => {
  const receiver = await receiverOfTest()
  const ask = (flags: string) => fetch(`${server().url}/api/health`, { headers: { traceparent: `00-${TRACE_ID}-${SPAN_ID}-${flags}` } })
  const off = await collect(settingsFor(receiver, { sampler: 'always_off' }))
  expect((await ask('01')).headers.get('traceresponse')).toMatch(/-00$/)
  await off()
  expect(receiver.spans).toEqual([])
  const ratio = await collect(settingsFor(receiver, { sampler: 'parentbased_traceidratio', ratio: 0 }))
  await Promise.all([ask('00'), ask('01'), fetch(`${server().url}/api/health`)])
  await ratio()
  expect(receiver.spans.map(({ traceId }) => traceId)).toEqual([TRACE_ID])
})

test('A collector that fails is one line in the log, and one when it takes traces again; requests are answered meanwhile', async () => {
  vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '20')
  onTestFinished(() => void vi.unstubAllEnvs())
  const receiver = await receiverOfTest()
  const { log, text } = captureLog()
  receiver.answerWith(400)
  await collect(settingsFor(receiver), log)
  const lines = (message: string): number => text().split(message).length - 1
  await pollFor('the collector has refused three times', async () => {
    expect((await server().board.get('/api/health')).status).toBe(200)
    return receiver.requestCount() >= 3
  })
  receiver.answerWith(200)
  await pollFor('the collector takes traces again', async () => {
    await server().board.get('/api/health')
    return lines('traces are sent to the collector again') === 1
  })
  expect(lines('traces cannot be sent to the collector')).toBe(1)
})

test('A collector that is away does not hold the shutdown up', async () => {
  const receiver = await startTraceReceiver()
  receiver.close()
  const flush = await collect(settingsFor(receiver))
  await server().board.get('/api/health')
  // The exporter alone would try again for ten seconds.
  const startedAt = performance.now()
  await flush()
  expect(performance.now() - startedAt).toBeLessThan(onThisMachine(8000))
})

test('Without the optional packages the server says what to install, and collects nothing', async () => {
  const { log, text } = captureLog()
  const load = () => Promise.reject(Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' }))
  expect(await openTraces(settingsFor({ url: 'http://127.0.0.1:4318' }), { version: 'test', log, load })).toBeNull()
  expect(text()).toMatch(/traces are not collected: install the optional packages/)
  expect(beginRequestSpan('GET', null)).toBeNull()
})
