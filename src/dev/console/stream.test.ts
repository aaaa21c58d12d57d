import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { isFullCheck } from '../testing/fullCheck.ts'
import { hasChromium, useBrowser } from '../testing/browser.ts'
import { world } from '../testing/world.ts'
import type { World } from '../testing/world.ts'
import { useConsole } from './consoleWorld.ts'
import { lookAway, lookBack, noticeReload, stateOf, untilState } from './looking.ts'
import { slownessOf } from './measures.ts'
import { layWire } from './wire.ts'
import type { Wire } from './wire.ts'

const { server } = useConsole()
const openBrowser = useBrowser()

let company: World
beforeAll(async () => {
  company = await world(server())
})

/** A page of the company behind a wire. */
async function behindWire(path: string): Promise<{ page: Page; wire: Wire }> {
  const wire = await layWire(server().url)
  const { page } = await openBrowser({ origins: [wire.url], losesConnections: true })
  await page.setViewportSize({ width: 1440, height: 900 })
  await page.goto(`${wire.url}/console/${company.company.issuePrefix}${path}`)
  await untilState(page, 'Live')
  return { page, wire }
}

const rename = async (id: string, title: string): Promise<void> =>
  expect((await server().board.patch(`/api/issues/${id}`, { title })).status).toBe(200)

/** Writes so many further rows like the newest one about an issue into the log, which the API would take a minute for. */
const repeatLastAct = (id: string, times: number): Promise<unknown> =>
  server().database.sql.query(
    `insert into activity_log (company_id, actor_type, actor_id, action, entity_type, entity_id, details)
     select company_id, actor_type, actor_id, action, entity_type, entity_id, details
     from (select * from activity_log where entity_id = $1 order by seq desc limit 1) newest, generate_series(1, $2::int)`,
    [id, times],
  )

const seesTitle = (page: Page, title: string): Promise<void> => page.getByRole('table').getByText(title, { exact: true }).first().waitFor()

describe.skipIf(!hasChromium)('the live updates of the console (need Chromium)', () => {
  test('A change is shown without a reload, and a page that is not looked at pauses and catches up after an hour of sleep', async () => {
    const issue = await company.issue({ title: 'Before the sleep' })
    const { page, wire } = await behindWire('/issues')
    const isSame = await noticeReload(page)
    await seesTitle(page, 'Before the sleep')
    await rename(issue.id, 'Seen at once')
    await seesTitle(page, 'Seen at once')

    await lookAway(page)
    await untilState(page, 'Paused while the page is hidden')
    const { streams } = wire
    await server().database.passTime('1 hour')
    // More than the server looks through at once when a page catches up.
    await repeatLastAct(issue.id, 2500)
    const added = await company.issue({ title: 'Made while the page was hidden' })
    await rename(issue.id, 'After the sleep')
    expect(wire.streams).toBe(streams)
    expect(await page.getByText('After the sleep').count()).toBe(0)

    await lookBack(page)
    await seesTitle(page, 'After the sleep')
    await seesTitle(page, 'Made while the page was hidden')
    await untilState(page, 'Live')
    expect(wire.streams).toBe(streams + 1)
    await rename(added.id, 'And live again')
    await seesTitle(page, 'And live again')
    await isSame()
  })

  test('A connection that is cut is shown with its time, and what happened meanwhile comes when it is mended', async () => {
    const issue = await company.issue({ title: 'Before the cut' })
    const { page, wire } = await behindWire('/issues')
    const isSame = await noticeReload(page)
    await seesTitle(page, 'Before the cut')
    wire.cut()
    await untilState(page, 'The connection is cut: what is shown may be old')
    await expect.poll(() => page.locator('.stream-line').textContent()).toMatch(/, for \d+ s$/)
    await rename(issue.id, 'During the cut')
    wire.mend()
    await seesTitle(page, 'During the cut')
    await untilState(page, 'Live')
    await isSame()
  })

  test('A read that failed while the connection was cut is done again when it is mended', async () => {
    await company.issue({ title: 'Read later' })
    const { page, wire } = await behindWire('/locks')
    wire.cut()
    await untilState(page, 'The connection is cut: what is shown may be old')
    await page.getByRole('link', { name: 'Issues', exact: true }).click()
    wire.mend()
    await seesTitle(page, 'Read later')
  })

  test('A stream that is refused says so and asks seldom, and one that is refused for now comes back', async () => {
    const { page, wire } = await behindWire('/issues')
    await lookAway(page)
    wire.refusedWith = 403
    const { streams } = wire
    await lookBack(page)
    await untilState(page, 'The server refuses the live updates: what is shown may be old')
    await sleep(2500)
    expect(wire.streams).toBe(streams + 1)
    await lookAway(page)
    wire.refusedWith = 503
    await lookBack(page)
    await untilState(page, 'The connection is cut: what is shown may be old')
    wire.refusedWith = null
    await untilState(page, 'Live')
  })

  test('A position of another history makes the page read everything again', async () => {
    const issue = await company.issue({ title: 'Of the other history' })
    const { page, wire } = await behindWire('/issues')
    await seesTitle(page, 'Of the other history')
    // A change without an event, as a restored database has it.
    await server().database.sql.query("update issues set title = 'Of the restored history' where id = $1", [issue.id])
    wire.send(`id: 999999.999999\ndata: ${JSON.stringify({ type: 'resync', companyId: company.company.id })}\n\n`)
    await seesTitle(page, 'Of the restored history')
    expect(await stateOf(page)).toBe('Live')
  })
})

/** Events as the server writes them, about an issue. */
const eventOf = (companyId: string, issueId: string, number: number): string =>
  `id: 1.${number}\ndata: ${JSON.stringify({
    type: 'activity.logged',
    companyId,
    createdAt: '2026-11-29T12:00:00.000Z',
    payload: {
      id: number,
      companyId,
      action: 'issue.updated',
      actorType: 'user',
      actorId: 'local-board',
      entityType: 'issue',
      entityId: issueId,
      agentId: null,
      runId: null,
      details: { changed: ['priority'], number },
    },
  })}\n\n`

/** The longest input of a page, as the browser measures it: from the key to the frame that shows the letter. */
const WATCH_INPUT = `(() => {
  globalThis.inputs = []
  new PerformanceObserver((list) => {
    for (const { name, duration } of list.getEntries()) if (name === 'keydown' || name === 'input') globalThis.inputs.push(duration)
  }).observe({ type: 'event', durationThreshold: 16, buffered: false })
})()`

/** Types a sentence as a person does. @returns the time of the slowest but one of twenty letters, in ms */
async function typingDelay(page: Page, text: string): Promise<number> {
  await page.evaluate('globalThis.inputs = []')
  await page.keyboard.type(text, { delay: 40 })
  await sleep(200)
  const inputs = await page.evaluate<number[]>('globalThis.inputs')
  return inputs.toSorted((one, other) => other - one)[Math.floor(text.length / 20)] ?? 0
}

async function usedHeap(page: Page): Promise<number> {
  const devtools = await page.context().newCDPSession(page)
  for (let round = 0; round < 3; round += 1) await devtools.send('HeapProfiler.collectGarbage')
  const { usedSize } = await devtools.send('Runtime.getHeapUsage')
  await devtools.detach()
  return usedSize
}

/** Sends events at a rate, until it is stopped. */
function sendSteadily(wire: Wire, perSecond: number, issueId: string): { readonly stop: () => number } {
  const beganAt = performance.now()
  let sent = 0
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - beganAt) / 1000) * perSecond)
    let text = ''
    for (; sent < due; sent += 1) text += eventOf(company.company.id, issueId, sent)
    wire.send(text)
  }, 20)
  return {
    stop() {
      clearInterval(timer)
      return sent
    },
  }
}

const TEXT = 'A sentence that a person types while the whole company works, at the speed of a person.'

describe.skipIf(!hasChromium)('a page under many events (needs Chromium)', () => {
  test('A hundred events a second do not make typing lag, and no letter is lost', async () => {
    const issue = await company.issue({ title: 'Busy' })
    const { page, wire } = await behindWire('/issues')
    await page.evaluate(WATCH_INPUT)
    await page.getByRole('button', { name: 'Create issue' }).click()
    const field = page.getByLabel('Title')
    await field.focus()
    const quiet = await typingDelay(page, TEXT)
    await field.fill('')
    const events = sendSteadily(wire, 100, issue.id)
    await sleep(1000)
    const slowness = await slownessOf(page)
    const busy = await typingDelay(page, TEXT)
    const sent = events.stop()
    expect(await field.inputValue()).toBe(TEXT)
    process.stdout.write(
      `\ntyping              ${busy} ms from key to frame under 100 events a second, ${quiet} ms without (machine: ${slowness.toFixed(1)}; ${sent} events)\n`,
    )
    expect(busy).toBeLessThan(100 * slowness)
  })

  test('Thousands of events leave no memory behind', async () => {
    const issue = await company.issue({ title: 'Remembered' })
    const { page, wire } = await behindWire('/issues')
    const send = async (count: number): Promise<void> => {
      for (let sent = 0; sent < count; sent += 500) {
        wire.send(Array.from({ length: 500 }, (_, at) => eventOf(company.company.id, issue.id, sent + at)).join(''))
        await sleep(100)
      }
      await sleep(1500)
    }
    await send(5000)
    const before = await usedHeap(page)
    // An hour of a hundred a second in a full check, else six minutes.
    const count = isFullCheck ? 360_000 : 36_000
    await send(count)
    const after = await usedHeap(page)
    process.stdout.write(
      `\nmemory              ${((after - before) / 1e6).toFixed(2)} MB more after ${count} events (${(after / 1e6).toFixed(1)} MB)\n`,
    )
    expect(after - before).toBeLessThan(1_500_000)
    expect(await stateOf(page)).toBe('Live')
  })
})
