import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createLog } from '../../platform/kernel/log.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import { createLogWriter } from './logWriter.ts'
import { recordReadPosition, waitForReaders } from './logReaders.ts'

const server = useServer()
const always = (): boolean => true

/** Whether a promise is settled after everything that is ready has run. */
async function isOver(promise: Promise<void>): Promise<boolean> {
  const later = new Promise<boolean>((resolve) => void setImmediate(resolve, false))
  return await Promise.race([promise.then(() => true), later])
}

describe('waitForReaders', () => {
  test('The end of a run does not wait when no client reads its log', async () => {
    expect(await isOver(waitForReaders(server().store, randomUUID(), 100, always))).toBe(true)
  })

  test('The end of a run waits until the reader of its log has read all of it', async () => {
    const { store } = server()
    const runId = randomUUID()
    recordReadPosition(store, runId, 40, true)
    const waiting = waitForReaders(store, runId, 100, always)
    expect(await isOver(waiting)).toBe(false)
    recordReadPosition(store, runId, 100, true)
    await waiting
    expect(await isOver(waitForReaders(store, runId, 100, always))).toBe(true)
  })

  test('The end of a run does not wait for a reader that stops asking or never advances', async () => {
    const { store } = server()
    const [silent, stuck] = [randomUUID(), randomUUID()]
    for (const runId of [silent, stuck]) recordReadPosition(store, runId, 10, true)
    const asking = setInterval(() => recordReadPosition(store, stuck, 10, false), 5)
    await Promise.all([waitForReaders(store, silent, 100, always), waitForReaders(store, stuck, 100, always)])
    clearInterval(asking)
  })

  test('The end of a run does not wait when the wait is not wanted, as on a stop of the server', async () => {
    const { store } = server()
    const runId = randomUUID()
    recordReadPosition(store, runId, 0, true)
    expect(await isOver(waitForReaders(store, runId, 100, () => false))).toBe(true)
  })
})

test('A read of the log records the position of its reader, for this server only', async () => {
  const here = await world(server())
  const agent = await here.agent()
  const run = await here.run(agent)
  const logWriter = createLogWriter(server().store, createLog('silent', false), () => {}).open(run.id)
  await logWriter.write({ ts: '2026-01-01T00:00:00.000Z', stream: 'stdout', chunk: 'first\nsecond\n' })
  const facts = await logWriter.close()
  const bytes = facts?.bytes ?? 0
  const read = (limitBytes: number) => server().board.get(`/api/heartbeat-runs/${run.id}/log?limitBytes=${limitBytes}`)
  await read(20)
  const waiting = waitForReaders(server().store, run.id, bytes, always)
  expect(await isOver(waiting)).toBe(false)
  const second = await server().startPeer()
  expect(await isOver(waitForReaders(second.store, run.id, bytes, always))).toBe(true)
  await second.stop()
  await read(bytes)
  await waiting
})
