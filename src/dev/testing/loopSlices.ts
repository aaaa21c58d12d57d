// How long the event loop of this process is kept by one piece of work, beside what the same machine needs for a known one.

import { readFileSync } from 'node:fs'

/** How often the loop is looked at. A slice is measured too long by at most this. */
const TICK_MS = 5
/** Rounds of the calibration. They take about 10 ms on a quiet machine of the year 2025. */
const CALIBRATION_ROUNDS = 140

/** The effect of a piece of work on the event loop. */
export interface LoopMeasurement<T> {
  readonly value: T
  /** The longest time for which the loop served no other, in milliseconds. */
  readonly sliceMs: number
}

/**
 * The time that this thread has run on a processor, in milliseconds. Outside of Linux it is that of the process, to which the other
 * threads add theirs: the workers of pictures, and the other test file.
 */
function cpuMs(): number {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]) / 1e6
  } catch {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  }
}

/**
 * Runs asynchronous work and measures the longest slice of the event loop meanwhile. A slice is the time between two ticks, or the
 * processor time of this thread in it, whichever is less: a machine that is busy with other programs lengthens the first.
 */
export async function measureSlices<T>(work: () => Promise<T>): Promise<LoopMeasurement<T>> {
  let sliceMs = 0
  let [atMs, atCpuMs] = [performance.now(), cpuMs()]
  const look = (): void => {
    const [nowMs, nowCpuMs] = [performance.now(), cpuMs()]
    sliceMs = Math.max(sliceMs, Math.min(nowMs - atMs, nowCpuMs - atCpuMs))
    ;[atMs, atCpuMs] = [nowMs, nowCpuMs]
  }
  const timer = setInterval(look, TICK_MS)
  try {
    const value = await work()
    // The last slice counts, too.
    look()
    return { value, sliceMs }
  } finally {
    clearInterval(timer)
  }
}

/** Work of the kinds that a request does: JSON, patterns, maps. */
export function calibrationWork(): number {
  let sum = 0
  for (let round = 0; round < CALIBRATION_ROUNDS; round += 1) {
    const rows = Array.from({ length: 40 }, (_, index) => ({
      id: index,
      name: `row ${index} of ${round}`,
      tags: ['a', 'b', String(index)],
    }))
    const text = JSON.stringify(JSON.parse(JSON.stringify(rows)))
    const names = new Map(rows.map((row) => [row.name, row.id]))
    sum += text.replace(/row (\d+) of/g, '$1').length + names.size + text.normalize('NFC').toLowerCase().length
  }
  return sum
}

/** The time that the calibration takes now, in milliseconds: the median of five. */
export function calibrate(): number {
  const times = Array.from({ length: 5 }, () => {
    const [atMs, atCpuMs] = [performance.now(), cpuMs()]
    if (calibrationWork() === 0) throw new Error('the calibration did nothing')
    return Math.min(performance.now() - atMs, cpuMs() - atCpuMs)
  })
  return times.toSorted((a, b) => a - b)[2] as number
}
