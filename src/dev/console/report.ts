// The sizes and times of the console, measured and as lines of text.

import type { Browser } from 'playwright-core'
import { addManyRows } from '../testing/manyRows.ts'
import type { TestServer } from '../testing/world.ts'
import type { FilledCompany } from './company/fill.ts'
import { interactiveMs, scrollDown, sizesOf, slownessOf } from './measures.ts'
import type { Scrolling, Sizes } from './measures.ts'
import { settle } from './settle.ts'

/** How many issues the list has that is scrolled. */
export const MANY_ISSUES = 10_000

/** The promises of the console. */
export const LIMITS = { bytes: 200_000, interactiveMs: 1000, frameMs: 50 } as const

/** A server that is measured. */
export interface Measured {
  readonly url: string
  readonly sql: TestServer['database']['sql']
  readonly company: FilledCompany
}

export interface Report {
  readonly sizes: Sizes
  readonly interactiveMs: number
  readonly scrolling: Scrolling
  /** How many times slower than a quiet machine this one was at each of the two times. */
  readonly slowness: { readonly interactive: number; readonly scrolling: number }
}

async function scrollIssues(browser: Browser, { url, sql, company }: Measured): Promise<{ scrolling: Scrolling; slowness: number }> {
  const { rows } = await sql.query<{ id: string }>("select id from agents where company_id = $1 and name = 'Grace'", [company.id])
  await addManyRows({ database: { sql } } as TestServer, company.id, rows[0]?.id ?? '', { issues: MANY_ISSUES })
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
  await page.goto(`${url}/console/${company.prefix}/issues`)
  await settle(page)
  // A list is as long as it was read. It is read to its end, and then scrolled as fast as a person can.
  await scrollDown(page, 4000)
  await page.evaluate('scrollTo(0, 0)')
  const slowness = await slownessOf(page)
  const scrolling = await scrollDown(page)
  await page.close()
  return { scrolling, slowness }
}

/** Measures the console. The issues that it adds stay in the company. */
export async function measureConsole(browser: Browser, measured: Measured): Promise<Report> {
  const base = `${measured.url}/console/${measured.company.prefix}`
  const sizes = await sizesOf(browser, `${base}/overview`)
  const page = await browser.newPage()
  const slowness = await slownessOf(page)
  await page.close()
  const interactive = await interactiveMs(browser, `${base}/locks`)
  const { scrolling, slowness: slownessOfScrolling } = await scrollIssues(browser, measured)
  return { sizes, interactiveMs: interactive, scrolling, slowness: { interactive: slowness, scrolling: slownessOfScrolling } }
}

const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`

/** The report in lines, each measurement beside its limit. */
export const linesOf = ({ sizes, interactiveMs: ms, scrolling, slowness }: Report): string => `
first page          ${kilobytes(sizes.files + sizes.data)} sent (files ${kilobytes(sizes.files)}, data ${kilobytes(sizes.data)}; at most ${kilobytes(LIMITS.bytes)})
locks have rows     ${ms.toFixed(0)} ms after the navigation began (at most ${LIMITS.interactiveMs} ms; this machine: ${slowness.interactive.toFixed(1)} times a quiet one)
slowest frame       ${scrolling.slowest.toFixed(1)} ms of ${scrolling.frames} while ${MANY_ISSUES} issues were scrolled by ${scrolling.top} px (at most ${LIMITS.frameMs} ms; this machine: ${slowness.scrolling.toFixed(1)})
`
