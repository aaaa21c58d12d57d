import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createLog } from '../../platform/kernel/log.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import { createLogWriter } from './logWriter.ts'
import { recordReadPosition, waitForReaders } from './logReaders.ts'

const server = useServer()
const always = (): boolean => true

/** Whether a promise is settled once everything that is ready has been done. */
async function isOver(promise: Promise<void>): Promise<boolean> {
  const later = new Promise<boolean>((resolve) => void setImmediate(resolve, false))
  return await Promise.race([promise.then(() => true), later])
}

describe('the end of a run waits', () => {
  test('for nobody, where nobody reads its log', async () => {
    expect(await isOver(waitForReaders(server().store, randomUUID(), 100, always))).toBe(true)
  })

  test('for whoever reads its log, until they have read all of it', async () => {
    const { store } = server()
    const runId = randomUUID()
    recordReadPosition(store, runId, 40, true)
    const waiting = waitForReaders(store, runId, 100, always)
    expect(await isOver(waiting)).toBe(false)
    recordReadPosition(store, runId, 100, true)
    await waiting
    expect(await isOver(waitForReaders(store, runId, 100, always))).toBe(true)
  })

  test('no longer for somebody who does not ask again, or never gets on', async () => {
    const { store } = server()
    const [gone, stuck] = [randomUUID(), randomUUID()]
    for (const runId of [gone, stuck]) recordReadPosition(store, runId, 10, true)
    const asking = setInterval(() => recordReadPosition(store, stuck, 10, false), 5)
    await Promise.all([waitForReaders(store, gone, 100, always), waitForReaders(store, stuck, 100, always)])
    clearInterval(asking)
  })

  test('not at all once there is no reason to, as when the server stops', async () => {
    const { store } = server()
    const runId = randomUUID()
    recordReadPosition(store, runId, 0, true)
    expect(await isOver(waitForReaders(store, runId, 100, () => false))).toBe(true)
  })
})

test('readers are remembered by what they were given to read, and not for another server', async () => {
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
