import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createLog } from '../kernel/log.ts'
import { useServer, world } from '../testing/world.ts'
import { createJournal } from './journal.ts'
import { noteReader, readToTheEnd } from './readers.ts'

const server = useServer()
const always = (): boolean => true

/** Whether a promise is settled once everything that is ready has been done. */
async function isOver(promise: Promise<void>): Promise<boolean> {
  const later = new Promise<boolean>((resolve) => void setImmediate(resolve, false))
  return await Promise.race([promise.then(() => true), later])
}

describe('the end of a run waits', () => {
  test('for nobody, where nobody reads its log', async () => {
    expect(await isOver(readToTheEnd(server().store, randomUUID(), 100, always))).toBe(true)
  })

  test('for whoever reads its log, until they have read all of it', async () => {
    const { store } = server()
    const runId = randomUUID()
    noteReader(store, runId, 40, true)
    const waiting = readToTheEnd(store, runId, 100, always)
    expect(await isOver(waiting)).toBe(false)
    noteReader(store, runId, 100, true)
    await waiting
    expect(await isOver(readToTheEnd(store, runId, 100, always))).toBe(true)
  })

  test('no longer for somebody who does not ask again, or never gets on', async () => {
    const { store } = server()
    const [gone, stuck] = [randomUUID(), randomUUID()]
    for (const runId of [gone, stuck]) noteReader(store, runId, 10, true)
    const asking = setInterval(() => noteReader(store, stuck, 10, false), 5)
    await Promise.all([readToTheEnd(store, gone, 100, always), readToTheEnd(store, stuck, 100, always)])
    clearInterval(asking)
  })

  test('not at all once there is no reason to, as when the server stops', async () => {
    const { store } = server()
    const runId = randomUUID()
    noteReader(store, runId, 0, true)
    expect(await isOver(readToTheEnd(store, runId, 100, () => false))).toBe(true)
  })
})

test('readers are remembered by what they were given to read, and not for another server', async () => {
  const here = await world(server())
  const agent = await here.agent()
  const run = await here.run(agent)
  const journal = createJournal(server().store, createLog('silent', false), () => {}).open(run.id)
  await journal.write({ ts: '2026-01-01T00:00:00.000Z', stream: 'stdout', chunk: 'first\nsecond\n' })
  const facts = await journal.close()
  const bytes = facts?.bytes ?? 0
  const read = (limitBytes: number) => server().board.get(`/api/heartbeat-runs/${run.id}/log?limitBytes=${limitBytes}`)
  await read(20)
  const waiting = readToTheEnd(server().store, run.id, bytes, always)
  expect(await isOver(waiting)).toBe(false)
  const second = await server().another()
  expect(await isOver(readToTheEnd(second.store, run.id, bytes, always))).toBe(true)
  await second.stop()
  await read(bytes)
  await waiting
})
