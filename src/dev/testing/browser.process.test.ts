import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { faultsOf, hasChromium, launchBrowser, openVisitor } from './browser.ts'

const POLICY = "default-src 'none'; script-src 'unsafe-inline'; connect-src *; img-src 'self'"

/** A server of one page, with an icon that is empty; every other path is 404. @returns its origin */
async function serve(markup: string): Promise<string> {
  const server = createServer((request, response) => {
    const isPage = request.url === '/'
    response.writeHead(isPage ? 200 : request.url === '/favicon.ico' ? 204 : 404, {
      'content-type': 'text/html',
      'content-security-policy': POLICY,
    })
    response.end(isPage ? markup : 'There is no such page.')
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function visit(browser: Browser | undefined, markup: string) {
  if (browser === undefined) throw new Error('the browser of this file has not started')
  const origin = await serve(markup)
  const visitor = await openVisitor(browser, { origins: [origin] })
  onTestFinished(() => visitor.context.close())
  await visitor.page.goto(origin)
  return visitor
}

describe.skipIf(!hasChromium)('the browser of the tests (needs Chromium)', () => {
  let browser: Browser | undefined
  beforeAll(async () => {
    browser = await launchBrowser()
  })
  afterAll(async () => await browser?.close())

  test('A planted error, exception, breach of the policy, missing file and request to another origin are each found', async () => {
    const planted = [
      '<script>console.error("planted")</script>',
      '<script>throw new Error("thrown")</script>',
      '<p style="color:red">A style that the policy forbids</p>',
      '<img src="/missing.png" alt="">',
      '<script>fetch("http://localhost:9/elsewhere").catch(() => {})</script>',
    ]
    const { faults } = await visit(browser, `<!doctype html><title>Bad</title>${planted.join('')}`)
    const signs = ['console: planted', 'exception: thrown', 'Content Security Policy', 'status of 404', 'a request to http://localhost:9/']
    for (const sign of signs) await expect.poll(() => faults().filter((fault) => fault.includes(sign)), { message: sign }).toHaveLength(1)
  })

  test('A page that shows a refusal, or whose script is refused, has no fault', async () => {
    const { page, faults } = await visit(
      browser,
      '<!doctype html><title>Good</title><script>fetch("/none").then(() => { document.title = "done" })</script>',
    )
    await expect.poll(() => page.title()).toBe('done')
    await page.goto(new URL('/none', page.url()).href)
    expect(faults()).toEqual([])
  })

  test('A page that people cannot use is found: no title, heading or label, too wide, and pale', async () => {
    const { page } = await visit(
      browser,
      '<!doctype html><body bgcolor="white"><main><div><input name="email"></div><p><font color="silver">Pale</font></p><pre>' +
        'x'.repeat(500),
    )
    const found = (await faultsOf(page, 'bad')).join('\n')
    for (const sign of ['no title', 'language', '0 <h1>', 'email has no label', 'pixels wide on a screen of 360'])
      expect(found).toContain(sign)
  })
})
