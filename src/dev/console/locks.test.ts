import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { hasChromium } from '../testing/browser.ts'
import { holdRow, NO_HOLD, runRow } from '../testing/holds.ts'
import { lastAudit, world } from '../testing/world.ts'
import type { TestRun, World } from '../testing/world.ts'
import { useConsole } from './consoleWorld.ts'
import { dialogOf, partOf, rowOf } from './locksPage.ts'

const { server, open } = useConsole()

const locksOf = async (here: World): Promise<Page> => await open(`/${here.company.issuePrefix}/locks`)

/** The answer to the next write of a run to an issue. */
const nextWrite = async (run: TestRun, issue: { readonly id: string }) =>
  await run.client.patch(`/api/issues/${issue.id}`, { title: 'Mine' })

/** Counts what a pointer presses, in every document of the tab. A key that presses a button makes a click event, but presses no pointer. */
const COUNT_CLICKS = `addEventListener('pointerdown', ({ isTrusted }) => {
  if (isTrusted) sessionStorage.setItem('clicks of the test', String(Number(sessionStorage.getItem('clicks of the test')) + 1))
}, { capture: true })`
const clicksIn = (page: Page): Promise<number> => page.evaluate("Number(sessionStorage.getItem('clicks of the test'))")

const force = async (issue: { readonly id: string }) => await server().board.post(`/api/issues/${issue.id}/admin/force-release`)

describe.skipIf(!hasChromium)('the locks of the console (need Chromium)', () => {
  test('A hung run loses its issue with three clicks and a typed reason, starting at /, and by the keyboard alone', async () => {
    const here = await world(server())
    const [first, second] = [await here.held(), await here.held()]
    const page = await open('/', { before: COUNT_CLICKS })
    await page.goto(server().url)
    await page.getByRole('link', { name: 'Locks' }).click()
    await rowOf(page, first.issue).getByRole('button', { name: 'Force-release' }).click()
    await dialogOf(page).getByLabel('Reason').waitFor()
    await page.keyboard.type('It hangs since lunch.')
    await dialogOf(page)
      .getByRole('button', { name: `Force-release ${first.issue.identifier}` })
      .click()
    await partOf(page, first.issue).getByText('✓ released').waitFor()
    expect(await clicksIn(page)).toBe(3)
    expect(await partOf(page, first.issue).textContent()).toContain(`its next write to ${first.issue.identifier} is refused with 409`)
    expect(await nextWrite(first.run, first.issue)).toMatchObject({ status: 409, body: { code: 'lock_revoked' } })
    expect((await lastAudit(server(), first.issue.id, 'issue.admin_force_release')).details).toMatchObject({
      reason: 'It hangs since lunch.',
      evictedRunIds: [first.run.id],
    })

    await page.goto(server().url)
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    for (const key of ['g', 'l']) await page.keyboard.press(key)
    await rowOf(page, second.issue).waitFor()
    for (const key of ['j', 'f']) await page.keyboard.press(key)
    await partOf(page, second.issue).getByText('Evicts').waitFor()
    await page.keyboard.type('It does not answer.')
    await page.keyboard.press('Enter')
    await partOf(page, second.issue).getByText('✓ released').waitFor()
    expect(await partOf(page, second.issue).textContent()).toContain('is refused with 409')
    expect(await nextWrite(second.run, second.issue)).toMatchObject({ status: 409, body: { code: 'lock_revoked' } })
    expect((await lastAudit(server(), second.issue.id, 'issue.admin_force_release')).details).toMatchObject({
      reason: 'It does not answer.',
    })
    await page.keyboard.press('Enter')
    await dialogOf(page).waitFor({ state: 'detached' })
    await page.keyboard.press('Escape')
    await page.getByText('No run holds an issue.').waitFor()
    expect(await clicksIn(page), 'the second release needs no click').toBe(3)
  })

  test('The preview says who is evicted and who is next; the result leads to the audit row, and names the run of the next holder', async () => {
    const here = await world(server())
    const { issue, agent, run } = await here.held()
    await server().board.post(`/api/issues/${issue.id}/comments`, { body: 'Are you there?' })
    const page = await locksOf(here)
    await rowOf(page, issue).getByRole('button', { name: 'Force-release' }).click()
    await partOf(page, issue).getByText(`Evicts ${agent.name}`).waitFor()
    const preview = await partOf(page, issue).textContent()
    expect(preview).toContain('live')
    expect(preview).toContain(`Next: ${agent.name} gets a run for it`)
    expect(await holdRow(server(), issue.id)).toMatchObject({ checkoutRunId: run.id, lockEpoch: 1 })
    await dialogOf(page)
      .getByRole('button', { name: `Force-release ${issue.identifier}` })
      .click()
    expect(await holdRow(server(), issue.id)).toMatchObject({ checkoutRunId: run.id, lockEpoch: 1 })
    await dialogOf(page).getByLabel('Reason').fill('Too slow.')
    await dialogOf(page)
      .getByRole('button', { name: `Force-release ${issue.identifier}` })
      .click()
    await partOf(page, issue).getByText('is queued for it').waitFor()
    await partOf(page, issue)
      .getByRole('link', { name: `audit row of ${issue.identifier}` })
      .click()
    await page.waitForURL(`**/activity?entityId=${issue.id}`)
    await page.getByText('Too slow.').first().waitFor()
  })

  test('The run is cancelled and the assignee removed when the person asks for it, and the preview says both before', async () => {
    const here = await world(server())
    const { issue, agent, run } = await here.held()
    const page = await locksOf(here)
    await rowOf(page, issue).getByRole('button', { name: 'Force-release' }).click()
    await dialogOf(page).getByLabel('Also cancel the run').check()
    await dialogOf(page).getByLabel('Also clear the assignee').check()
    for (const words of ['Cancels its run', `Removes ${agent.name} as the assignee`, 'Moves the issue from in progress to todo'])
      await partOf(page, issue).getByText(words).waitFor()
    await dialogOf(page).getByLabel('Reason').fill('Wrong agent.')
    await dialogOf(page)
      .getByRole('button', { name: `Force-release ${issue.identifier}` })
      .click()
    await partOf(page, issue).getByText('is evicted and cancelled').waitFor()
    expect(await holdRow(server(), issue.id)).toMatchObject({ ...NO_HOLD, status: 'todo', assigneeAgentId: null })
    expect(await runRow(server(), run.id)).toMatchObject({ status: 'cancelled' })
    expect((await lastAudit(server(), issue.id, 'issue.admin_force_release')).details).toMatchObject({
      clearAssignee: true,
      cancelledRunIds: [run.id],
    })
  })

  test('A holder that changed between preview and confirmation is shown, and is released only after another confirmation', async () => {
    const here = await world(server())
    const { issue } = await here.held()
    const page = await locksOf(here)
    await rowOf(page, issue).getByRole('button', { name: 'Force-release' }).click()
    await partOf(page, issue).getByText('Evicts').waitFor()
    await force(issue)
    await server().board.patch(`/api/issues/${issue.id}`, { status: 'todo', assigneeAgentId: null })
    const other = await here.agent()
    const run = await here.run(other)
    expect((await here.checkout(run, issue.id)).status).toBe(200)
    const confirm = dialogOf(page).getByRole('button', { name: `Force-release ${issue.identifier}` })
    await dialogOf(page).getByLabel('Reason').fill('It hangs.')
    await confirm.click()
    await partOf(page, issue).getByRole('alert').waitFor()
    await expect.poll(async () => await partOf(page, issue).textContent()).toContain(`holder changed: now ${other.name}`)
    expect(await holdRow(server(), issue.id)).toMatchObject({ checkoutRunId: run.id })
    expect(await dialogOf(page).getByLabel('Reason').inputValue()).toBe('It hangs.')
    await confirm.click()
    await partOf(page, issue).getByText('✓ released').waitFor()
    expect((await lastAudit(server(), issue.id, 'issue.admin_force_release')).details).toMatchObject({ evictedRunIds: [run.id] })
  })

  test('Many holds end at once, one refusal stays in its row in the words of the server, and the reason is offered again', async () => {
    const here = await world(server())
    const held = [await here.held(), await here.held(), await here.held()] as const
    const [gone, ...others] = held
    const page = await locksOf(here)
    await rowOf(page, held[0].issue).waitFor()
    await page.keyboard.press('Shift+X')
    await page.getByText('3 of 3 selected').waitFor()
    await page.keyboard.press('f')
    for (const { issue } of held) await partOf(page, issue).getByText('Evicts').waitFor()
    expect((await server().board.del(`/api/issues/${gone.issue.id}`)).status).toBe(200)
    await dialogOf(page).getByLabel('Reason').fill('The network was cut.')
    await dialogOf(page).getByRole('button', { name: 'Force-release 3 issues' }).click()
    await dialogOf(page).getByText('2 of 3 released, 1 refused.').waitFor()
    expect(await partOf(page, gone.issue).getByRole('alert').textContent()).toContain('Issue not found')
    for (const { issue, run } of others) {
      expect(await holdRow(server(), issue.id)).toMatchObject(NO_HOLD)
      expect(await nextWrite(run, issue)).toMatchObject({ status: 409, body: { code: 'lock_revoked' } })
    }
    await dialogOf(page).getByRole('button', { name: 'Close', exact: true }).last().click()

    const next = await here.held()
    await rowOf(page, next.issue).getByRole('button', { name: 'Force-release' }).click()
    await dialogOf(page).getByRole('button', { name: 'The network was cut.' }).click()
    expect(await dialogOf(page).getByLabel('Reason').inputValue()).toBe('The network was cut.')
  })
})
