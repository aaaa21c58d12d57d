// Whether a page is looked at. The pages of this browser are never hidden, so a page is made to believe it.

import type { Page } from 'playwright-core'
import { expect } from 'vitest'

const set = (page: Page, isHidden: boolean): Promise<unknown> =>
  page.evaluate(`(() => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => ${isHidden} })
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => '${isHidden ? 'hidden' : 'visible'}' })
    document.dispatchEvent(new Event('visibilitychange'))
  })()`)

export const lookAway = (page: Page): Promise<unknown> => set(page, true)
export const lookBack = (page: Page): Promise<unknown> => set(page, false)

/** The words of the line of the stream. */
export const stateOf = async (page: Page): Promise<string | null> =>
  await page.getByRole('status', { name: 'State of the live updates' }).textContent()

/** Waits until the line of the stream says this. */
export const untilState = async (page: Page, state: string): Promise<void> => await expect.poll(() => stateOf(page)).toBe(state)

/** Marks the page, so that a reload is noticed. @returns throws when the page was loaded again */
export async function noticeReload(page: Page): Promise<() => Promise<void>> {
  await page.evaluate('globalThis.isSamePage = true')
  return async () => expect(await page.evaluate('globalThis.isSamePage'), 'the page is the same, and was not loaded again').toBe(true)
}
