import { setTimeout as sleep } from 'node:timers/promises'
import type { Page, Request } from 'playwright-core'

/** Waits until a page shows what it has read, and its live updates have begun. */
export async function settle(page: Page): Promise<void> {
  await page.getByRole('heading', { level: 1 }).waitFor()
  await page.locator('.skeleton').first().waitFor({ state: 'detached' })
  await page.evaluate('document.fonts.ready.then(() => null)')
}

const QUIET_MS = 300
const isStream = (url: string): boolean => /\/events\/stream|follow=true/.test(url)

/** Follows the requests of a page. @returns waits until none of them is open any more, beside the streams, for a moment */
export function watchQuiet(page: Page): () => Promise<void> {
  const open = new Set<Request>()
  page.on('request', (request) => void (isStream(request.url()) || open.add(request)))
  for (const name of ['requestfinished', 'requestfailed'] as const)
    page.on(name as 'requestfinished', (request) => void open.delete(request))
  return async () => {
    let quietSince = performance.now()
    while (performance.now() - quietSince < QUIET_MS) {
      await sleep(20)
      if (open.size > 0) quietSince = performance.now()
    }
  }
}
