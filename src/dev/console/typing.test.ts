import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { hasChromium } from '../testing/browser.ts'
import { world } from '../testing/world.ts'
import { useConsole } from './consoleWorld.ts'

const { server, open } = useConsole()

/** A comment that is being written on a new issue. */
async function writing() {
  const w = await world(server())
  await w.agent({ name: 'Ada' })
  const issue = await w.issue()
  const page = await open(`/${w.company.issuePrefix}/issues/${issue.identifier}`)
  await page.getByRole('heading', { name: 'Thread' }).waitFor()
  const text = page.getByLabel('Text', { exact: true })
  await text.focus()
  return { issue, page, text, read: () => text.inputValue() }
}

/** Keeps the changes that are sent to an address on their way until they are let go. */
async function holdChanges(page: Page, at: string): Promise<{ readonly begun: Promise<unknown>; readonly letGo: () => void }> {
  let letGo = (): void => {}
  const released = new Promise<void>((resolve) => (letGo = resolve))
  const begun = page.waitForRequest((request) => request.method() !== 'GET')
  await page.route(at, async (route) => {
    if (route.request().method() !== 'GET') await released
    await route.continue()
  })
  return { begun, letGo }
}

const PASTE_A_FILE = `(() => {
  const clipboardData = new DataTransfer()
  clipboardData.items.add(new File(['words'], 'notes.txt', { type: 'text/plain' }))
  document.activeElement.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }))
})()`

describe.skipIf(!hasChromium)('text that is typed while the page does something else (need Chromium)', () => {
  test('Letters that follow a completed name before the next frame stay in their order', async () => {
    const { page, read } = await writing()
    await page.keyboard.type('Look, @ad')
    await page.getByRole('listbox').getByRole('option', { name: 'Ada' }).waitFor()
    await page.evaluate('held = []; requestAnimationFrame = (draw) => held.push(draw)')
    await page.keyboard.press('Enter')
    await page.keyboard.type('an')
    await page.evaluate('held.forEach((draw) => draw(performance.now()))')
    await page.keyboard.type('d rest')
    await expect.poll(read).toBe('Look, @Ada and rest')
  })

  test('A file that is pasted takes nothing away that was typed while it was sent', async () => {
    const { page, read } = await writing()
    await page.keyboard.type('Read')
    const { begun, letGo } = await holdChanges(page, '**/attachments')
    await page.evaluate(PASTE_A_FILE)
    await begun
    await page.keyboard.type(' this:')
    letGo()
    await expect.poll(read).toMatch(/^Read this:\n\[notes\.txt\]\(\/api\/attachments\/[^)]+\)\n$/)
  })

  test('A comment that was sent leaves what was typed behind it, also for the next load of the page', async () => {
    const { issue, page, read } = await writing()
    await page.keyboard.type('The first thought.')
    const { begun, letGo } = await holdChanges(page, '**/comments')
    await page.keyboard.press('Control+Enter')
    await begun
    await page.keyboard.type(' The second')
    letGo()
    await page.getByRole('article', { name: 'Comment' }).filter({ hasText: 'The first thought.' }).waitFor()
    await expect.poll(read).toBe('The second')
    await page.reload()
    await expect.poll(read).toBe('The second')
    const { body: comments } = await server().board.get(`/api/issues/${issue.id}/comments`)
    expect(comments.map(({ body }: { body: string }) => body)).toEqual(['The first thought.'])
  })
  test('The texts of an issue take no letter on their way to the server, and take them again after a refusal', async () => {
    const { issue, page } = await writing()
    await page.getByRole('button', { name: 'Edit', exact: true }).click()
    const title = page.getByLabel('Title')
    await title.fill('Sent')
    let refuse = (): void => {}
    const refused = new Promise<void>((resolve) => (refuse = resolve))
    await page.route(`**/api/issues/${issue.id}`, async (route) => {
      if (route.request().method() !== 'PATCH') return await route.continue()
      await refused
      await route.fulfill({ status: 422, json: { error: 'No', code: 'validation_failed' } })
    })
    const begun = page.waitForRequest((request) => request.method() === 'PATCH')
    await page.keyboard.press('Enter')
    await begun
    await expect.poll(() => title.isEditable()).toBe(false)
    await page.keyboard.type(' lost')
    expect(await title.inputValue()).toBe('Sent')
    refuse()
    await page.getByRole('form', { name: 'Edit the issue' }).getByRole('alert').waitFor()
    await page.keyboard.type(' again')
    await page.unroute(`**/api/issues/${issue.id}`)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Sent again', level: 1 }).waitFor()
  })
})
