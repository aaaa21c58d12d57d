import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import { calibrate, calibrationWork, measureSlices } from './loopSlices.ts'

const WAIT_MS = 300

/** A thread that works without pause. */
async function startBusyThread(): Promise<void> {
  const worker = new Worker("require('node:worker_threads').parentPort.postMessage('began'); for (;;) {}", { eval: true })
  onTestFinished(async () => void (await worker.terminate()))
  await once(worker, 'message')
}

test.skipIf(process.platform !== 'linux')('A slice contains nothing of what other threads of this process do meanwhile (I22)', async () => {
  await startBusyThread()
  const { sliceMs } = await measureSlices(async () => {
    // Keeps the loop without using a processor, as a busy machine does.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_MS)
    await turn()
  })
  expect(sliceMs).toBeLessThan(WAIT_MS / 3)
})

test('A slice of the loop that is three times too long is found too long, on a busy machine as well (I22)', async () => {
  const before = calibrate()
  const { sliceMs } = await measureSlices(async () => {
    for (let round = 0; round < 30; round += 1) calibrationWork()
    await turn()
  })
  expect(sliceMs).toBeGreaterThan(10 * Math.max(before, calibrate()))
})
