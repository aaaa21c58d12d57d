import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeConsole } from '../../launch/consoleBuild.js'
import { hasChromium, launchBrowser } from '../testing/browser.ts'
import { openStage } from './company/stage.ts'
import type { Stage } from './company/stage.ts'
import { LIMITS, linesOf, MANY_ISSUES, measureConsole } from './report.ts'
import type { Report } from './report.ts'

describe.skipIf(!hasChromium)('the size and the speed of the console (need Chromium)', () => {
  let stage: Stage | undefined
  let browser: Browser | undefined
  let report: Report
  beforeAll(async () => {
    await makeConsole()
    stage = await openStage()
    browser = await launchBrowser()
    report = await measureConsole(browser, stage)
    process.stdout.write(linesOf(report))
  })
  afterAll(async () => {
    await browser?.close()
    await stage?.stop()
  })

  test('The first page is sent in 200 kB, its files and its data together', () => {
    expect(report.sizes.files).toBeGreaterThan(30_000)
    expect(report.sizes.data).toBeGreaterThan(500)
    expect(report.sizes.files + report.sizes.data).toBeLessThan(LIMITS.bytes)
  })

  test('The locks have their rows within a second of the beginning of the navigation, with an empty cache', () => {
    expect(report.interactiveMs).toBeGreaterThan(10)
    expect(report.interactiveMs).toBeLessThan(LIMITS.interactiveMs * report.slowness.interactive)
  })

  test('A list of ten thousand issues is scrolled to its end without a frame of more than 50 ms', () => {
    expect(report.scrolling.top).toBeGreaterThan(MANY_ISSUES * 30)
    expect(report.scrolling.frames).toBeGreaterThan(300)
    expect(report.scrolling.slowest).toBeLessThan(LIMITS.frameMs * report.slowness.scrolling)
  })
})
