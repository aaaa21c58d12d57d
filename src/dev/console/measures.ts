// How large and how fast the console is, beside what this machine needs for known work at the same time.

import type { Browser, Page } from 'playwright-core'
import { settle } from './settle.ts'

/** Bytes as they were sent, with their headers. */
export interface Sizes {
  /** The page, its scripts and its styles. */
  readonly files: number
  /** The answers of the API that the first page asks for. */
  readonly data: number
}

/** Counts what a browser without anything in its cache is sent until a page is shown. */
export async function sizesOf(browser: Browser, address: string): Promise<Sizes> {
  const context = await browser.newContext()
  const page = await context.newPage()
  const devtools = await context.newCDPSession(page)
  const urls = new Map<string, string>()
  const sizes = { files: 0, data: 0 }
  devtools.on('Network.responseReceived', ({ requestId, response }) => urls.set(requestId, response.url))
  devtools.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const url = urls.get(requestId)
    if (url?.startsWith('http') === true) sizes[new URL(url).pathname.startsWith('/api/') ? 'data' : 'files'] += encodedDataLength
  })
  await devtools.send('Network.enable')
  await page.goto(address)
  await settle(page)
  await context.close()
  return sizes
}

/** Notes when the locks table has a row. It runs in the page before the console does. */
const NOTE_ROWS = `new MutationObserver((_, observer) => {
  if (document.querySelector('table[aria-label="Locks"] tbody tr:not([aria-hidden])') === null) return
  globalThis.rowsAt = performance.now()
  observer.disconnect()
}).observe(document, { childList: true, subtree: true })`

/** The time from the beginning of the navigation until the locks page has its rows, with an empty cache: the median of several, in ms. */
export async function interactiveMs(browser: Browser, address: string, times = 5): Promise<number> {
  const measured: number[] = []
  for (let time = 0; time < times; time += 1) {
    const context = await browser.newContext()
    await context.addInitScript(NOTE_ROWS)
    const page = await context.newPage()
    await page.goto(address)
    await page.locator('table[aria-label="Locks"] tbody tr:not([aria-hidden])').first().waitFor()
    measured.push(await page.evaluate<number>('globalThis.rowsAt'))
    await context.close()
  }
  return measured.toSorted((one, other) => one - other)[Math.floor(times / 2)] ?? 0
}

/**
 * Scrolls down the page by one step for each frame, and notes how long the thread of the page worked for the longest one. The time between
 * frames would also have what other programs take of the processors.
 */
const SCROLL = (step: number, most: number): string => `new Promise((resolve) => {
  let [slowest, frames, last, still] = [0, 0, -1, 0]
  const channel = new MessageChannel()
  let beganAt = 0
  channel.port1.onmessage = () => {
    slowest = Math.max(slowest, performance.now() - beganAt)
    frames += 1
    still = scrollY === last ? still + 1 : 0
    last = scrollY
    if (frames >= ${most} || still > 120) resolve({ slowest, frames, top: scrollY })
    else requestAnimationFrame(frame)
  }
  const frame = () => {
    beganAt = performance.now()
    scrollBy(0, ${step})
    // It is answered when the frame has been drawn, as far as this thread does that.
    channel.port2.postMessage(null)
  }
  requestAnimationFrame(frame)
})`

export interface Scrolling {
  readonly slowest: number
  readonly frames: number
  readonly top: number
}

/** Scrolls a page down until it ends, and goes on while it becomes longer. */
export const scrollDown = async (page: Page, step = 600, most = 3000): Promise<Scrolling> =>
  await page.evaluate<Scrolling>(SCROLL(step, most))

/** A known work in the page, in ms: the machine is slower by as much as this takes longer than on a quiet one. */
const CALIBRATION_MS = 20
const CALIBRATE = `(() => {
  const once = () => {
    const beganAt = performance.now()
    let sum = 0
    for (let at = 0; at < 12_000_000; at += 1) sum = (sum * 31 + at) | 0
    globalThis.kept = sum
    return performance.now() - beganAt
  }
  once()
  return Math.max(once(), once(), once())
})()`

/** How many times slower than a quiet machine this one is now, one at least. */
export async function slownessOf(page: Page): Promise<number> {
  return Math.max(1, (await page.evaluate<number>(CALIBRATE)) / CALIBRATION_MS)
}
