import { describe, expect, test } from 'vitest'
import type { Page } from 'playwright-core'
import { hasChromium } from '../testing/browser.ts'
import { world } from '../testing/world.ts'
import { useConsole } from './consoleWorld.ts'

const { server, open } = useConsole()

const ISSUES = 10_000
/** A frame that takes longer is seen as a jerk. */
const LONG_FRAME_MS = 50

/** Makes the issues without the API, which so many of them would keep busy for minutes. */
const makeIssues = (companyId: string, prefix: string): Promise<unknown> =>
  server().database.sql.query(
    `insert into issues (company_id, title, description, issue_number, identifier, status, priority, updated_at)
     select $1::uuid, 'Issue number ' || i, repeat('Some words about it. ', 20), 100000 + i, $2::text || '-' || (100000 + i), 'todo',
       (array['critical', 'high', 'medium', 'low'])[1 + i % 4], now() - make_interval(secs => i)
     from generate_series(1, $3::int) i`,
    [companyId, prefix, ISSUES],
  )

/** Notes the milliseconds between frames until it is read. */
const WATCH_FRAMES = `(() => {
  const seen = (globalThis.seenFrames = { gaps: [], isOn: true })
  let last = performance.now()
  const next = () => {
    const now = performance.now()
    seen.gaps.push(now - last)
    last = now
    if (seen.isOn) requestAnimationFrame(next)
  }
  requestAnimationFrame(next)
})()`

/** Scrolls through the whole document in steps of less than a window, one in each frame. */
const SCROLL_THROUGH = `new Promise((resolve) => {
  scrollTo(0, 0)
  const step = () => {
    scrollBy(0, 600)
    if (scrollY + innerHeight >= document.documentElement.scrollHeight - 10) resolve()
    else requestAnimationFrame(step)
  }
  requestAnimationFrame(step)
})`

interface Frames {
  readonly frames: number
  readonly long: number
  readonly longestMs: number
}

/** The frames of the page while something goes on. */
async function framesDuring(page: Page, work: () => Promise<unknown>): Promise<Frames> {
  await page.evaluate(WATCH_FRAMES)
  await work()
  const gaps = await page.evaluate<number[]>('((seenFrames.isOn = false), seenFrames.gaps)')
  return { frames: gaps.length, long: gaps.filter((gap) => gap > LONG_FRAME_MS).length, longestMs: Math.round(Math.max(...gaps)) }
}

describe.skipIf(!hasChromium)('ten thousand issues in the console (need Chromium)', () => {
  test('The list scrolls without a jerk, and a hundred changes in a second neither read it without end nor disturb typing', async () => {
    const w = await world(server())
    await makeIssues(w.company.id, w.company.issuePrefix)
    const page = await open(`/${w.company.issuePrefix}/issues`)
    const isList = (url: string): boolean => url.includes(`/companies/${w.company.id}/issues?`)
    let reads = 0
    page.on('request', (request) => void (isList(request.url()) && (reads += 1)))
    await page.getByText('100 of more issues').waitFor()
    await page.keyboard.press('Shift+X')
    await page.getByRole('region', { name: 'Selected issues' }).getByText('10,000 selected').waitFor()
    const readsOfAll = reads
    await page.keyboard.press('Escape')
    const scrolled = await framesDuring(page, () => page.evaluate(SCROLL_THROUGH))
    expect(await page.locator('table[aria-label=Issues] tbody tr').count()).toBeLessThan(80)

    const changed = (await server().board.get(`/api/companies/${w.company.id}/issues?limit=50`)).body as { id: string }[]
    reads = 0
    let events = 0
    const startedAt = performance.now()
    const isOver = (): boolean => performance.now() - startedAt > 6000
    const change = async (from: number): Promise<void> => {
      for (let at = from; !isOver(); at += 4) {
        const answer = await server().board.patch(`/api/issues/${changed[at % 50]?.id}`, { title: `Changed ${at}` })
        if (answer.status === 200) events += 1
      }
    }
    await page.keyboard.press('c')
    const stormed = await framesDuring(page, () =>
      Promise.all([0, 1, 2, 3].map(change).concat(page.keyboard.type('changed everywhere and more', { delay: 200 }))),
    )
    process.stdout.write(
      `reads of all ${readsOfAll}; scrolled ${JSON.stringify(scrolled)}; ${events} events in 6 s: ${reads} reads, ${JSON.stringify(stormed)}\n`,
    )
    expect(reads).toBeLessThan(100)
  })
})
