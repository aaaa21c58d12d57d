import type { Locator, Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { hasChromium } from '../testing/browser.ts'
import { lastAudit, world } from '../testing/world.ts'
import type { TestAgent, World } from '../testing/world.ts'
import { findingsOf } from './axe.ts'
import { useConsole } from './consoleWorld.ts'

const { server, open } = useConsole()

const row = (page: Page, table: string, text: string): Locator =>
  page.getByRole('table', { name: table }).getByRole('row').filter({ hasText: text })
const dialog = (page: Page, name: string): Locator => page.getByRole('dialog', { name })
const notice = (page: Page, text: string | RegExp): Promise<void> => page.locator('.notices').getByText(text).waitFor()

interface Routine {
  readonly id: string
  readonly title: string
  readonly status: string
  readonly triggers: readonly { readonly id: string; readonly kind: string; readonly [field: string]: unknown }[]
  readonly [field: string]: unknown
}

interface Weekly extends World {
  readonly grace: TestAgent
  readonly base: string
  readonly list: string
}

/** A company with an agent that may get routines. */
async function company(): Promise<Weekly> {
  const here = await world(server())
  return {
    ...here,
    grace: await here.agent({ name: 'Grace' }),
    base: `/api/companies/${here.company.id}`,
    list: `/${here.company.issuePrefix}/routines`,
  }
}

async function makeRoutine({ base, grace }: Weekly, fields: Record<string, unknown> = {}): Promise<Routine> {
  const answer = await server().board.post(`${base}/routines`, { title: 'Weekly report', assigneeAgentId: grace.id, ...fields })
  expect(answer.status, answer.text).toBe(201)
  return answer.body as Routine
}

const read = async (id: string): Promise<Routine> => (await server().board.get(`/api/routines/${id}`)).body as Routine

describe.skipIf(!hasChromium)('the pages of routines in the console (need Chromium)', () => {
  test('A routine is made by keys and gets a schedule whose next five times are shown before and after it is saved', async () => {
    const here = await company()
    const page = await open(here.list)
    await page.getByText('There is no routine yet.').waitFor()
    await page.keyboard.press('n')
    const form = dialog(page, 'New routine')
    await form.getByLabel('Title').fill('Weekly report')
    await form.getByLabel('Assignee').selectOption('Grace')
    await form.getByRole('button', { name: 'Create the routine' }).click()
    await page.getByRole('heading', { level: 1, name: 'Weekly report' }).waitFor()
    await page.getByText('Nothing makes it run by itself.').waitFor()
    await page.getByRole('button', { name: 'Add a trigger' }).click()
    const trigger = dialog(page, 'Add a trigger')
    await trigger.getByLabel('Cron expression').fill('0 9 * *')
    await trigger.getByRole('status', { name: 'Preview' }).getByText('five fields', { exact: false }).waitFor()
    await trigger.getByLabel('Name').fill('Mondays')
    await trigger.getByRole('button', { name: 'Add the trigger' }).click()
    await trigger.locator('form > [role=alert]').getByText('five fields', { exact: false }).waitFor()
    expect(await trigger.getByLabel('Name').inputValue()).toBe('Mondays')
    await trigger.getByLabel('Cron expression').fill('0 9 * * 1')
    await trigger.getByLabel('Time zone').fill('Asia/Tokyo')
    const preview = trigger.getByRole('list', { name: 'Next times' }).getByRole('listitem')
    await expect.poll(() => preview.allTextContents()).toHaveLength(5)
    await trigger.getByRole('button', { name: 'Add the trigger' }).click()
    await notice(page, 'The trigger is added')
    const times = page.getByRole('region', { name: 'What makes it run' }).getByRole('list', { name: 'Next times' }).locator('time')
    await expect.poll(() => times.count()).toBe(5)
    const [made] = (await server().board.get(`${here.base}/routines`)).body as Routine[]
    const [saved] = (await read(made?.id ?? '')).triggers
    expect(saved).toMatchObject({ kind: 'schedule', label: 'Mondays', cronExpression: '0 9 * * 1', timezone: 'Asia/Tokyo' })
    const shown = await times.evaluateAll((elements) => elements.map((element) => element.getAttribute('datetime')))
    expect(shown).toEqual(saved?.['nextRunTimes'])
    expect(await times.first().textContent()).toMatch(/Mon.*9:00/)
    expect(await lastAudit(server(), made?.id ?? '', 'routine.created')).toMatchObject({ actorId: 'local-board' })
  })

  test('The secret of a webhook is shown once, and a new one replaces it', async () => {
    const here = await company()
    const { id } = await makeRoutine(here)
    const page = await open(`${here.list}/${id}`)
    await page.getByRole('button', { name: 'Add a trigger' }).click()
    const form = dialog(page, 'Add a trigger')
    await form.getByLabel('It runs by').selectOption('webhook')
    await form.getByRole('button', { name: 'Add the trigger' }).click()
    const shown = dialog(page, 'The secret of the webhook')
    const secret = (await shown.getByRole('region', { name: 'The secret' }).textContent()) ?? ''
    const url = (await shown.getByRole('region', { name: 'The address of the webhook' }).textContent()) ?? ''
    expect(secret).toMatch(/^[\w-]{40,}$/)
    const fired = (proof: string): Promise<Response> => fetch(url, { method: 'POST', headers: { authorization: `Bearer ${proof}` } })
    expect((await fired(secret)).status).toBe(202)
    await shown.getByRole('button', { name: 'I have copied it' }).click()
    expect(await page.content()).not.toContain(secret)
    await page.getByRole('region', { name: 'The address of the webhook' }).getByText('/api/routine-triggers/public/').waitFor()
    await page.getByRole('button', { name: 'New secret of the trigger Webhook' }).click()
    await dialog(page, 'A new secret for the webhook').getByRole('button', { name: 'Make a new secret' }).click()
    const next = (await shown.getByRole('region', { name: 'The secret' }).textContent()) ?? ''
    expect(next).not.toBe(secret)
    expect([(await fired(secret)).status, (await fired(next)).status]).toEqual([401, 202])
    await shown.getByRole('button', { name: 'I have copied it' }).click()
    await page.getByRole('button', { name: 'Delete the trigger Webhook' }).click()
    await dialog(page, 'Delete the trigger (Webhook)').getByRole('button', { name: 'Delete the trigger' }).click()
    await page.getByText('Nothing makes it run by itself.').waitFor()
    expect((await read(id)).triggers).toEqual([])
  })

  test('A run by hand takes values, refuses one that does not fit and keeps it, and is linked to its issue', async () => {
    const here = await company()
    const variables = [
      { name: 'week', label: 'Week', type: 'text' },
      { name: 'length', type: 'select', options: ['short', 'long'], defaultValue: 'short' },
    ]
    const { id } = await makeRoutine(here, { title: 'Report of week {{week}}, {{length}}', variables })
    const page = await open(`${here.list}/${id}`)
    await page.getByRole('heading', { level: 1, name: 'Report of week' }).waitFor()
    await page.keyboard.press('r')
    const form = dialog(page, 'Run Report of week')
    await form.getByLabel('Week').fill('48')
    expect(await form.getByLabel('length').inputValue()).toBe('short')
    const longer = [variables[0], { ...variables[1], options: ['brief', 'long'], defaultValue: 'brief' }]
    expect((await server().board.patch(`/api/routines/${id}`, { variables: longer })).status).toBe(200)
    await form.getByRole('button', { name: 'Run now' }).click()
    await form.getByRole('alert').getByText('Values do not fit their variables: length').waitFor()
    expect(await form.getByLabel('Week').inputValue()).toBe('48')
    await form.getByLabel('length').selectOption('long')
    await form.getByRole('button', { name: 'Run now' }).click()
    await notice(page, 'An issue is made')
    const run = row(page, 'Runs', 'issue open')
    await run.getByText('Report of week 48, long').waitFor()
    await run.getByText('by hand').waitFor()
    const [made] = (await server().board.get(`/api/routines/${id}/runs`)).body as { linkedIssue: { identifier: string } }[]
    expect(await run.getByRole('link').getAttribute('href')).toContain(`/issues/${made?.linkedIssue.identifier}`)
    await page.locator('.routine-line').getByText('open issue').waitFor()
  })

  test('A routine is changed, paused, resumed, archived and restored, and a refusal keeps what was typed', async () => {
    const here = await company()
    const { id } = await makeRoutine(here)
    const page = await open(`${here.list}/${id}`)
    const fields = page.getByRole('region', { name: 'What it makes' })
    await fields.getByLabel('Description').fill('What was released.')
    await fields.getByRole('button', { name: 'Add a variable' }).click()
    const variable = fields.getByRole('group', { name: 'Variable 1' })
    await variable.getByLabel('Name').fill('the week')
    await fields.getByRole('button', { name: 'Save' }).click()
    await fields.getByRole('alert').waitFor()
    expect(await fields.getByLabel('Description').inputValue()).toBe('What was released.')
    await variable.getByLabel('Name').fill('week')
    await variable.getByLabel('Default').fill('48')
    await fields.getByRole('button', { name: 'Save' }).click()
    await notice(page, 'The routine is saved')
    expect(await read(id)).toMatchObject({ description: 'What was released.', variables: [{ name: 'week', defaultValue: '48' }] })
    const decide = async (act: string, status: string): Promise<void> => {
      await page.getByRole('button', { name: act, exact: true }).click()
      await dialog(page, `${act} Weekly report`).getByRole('button', { name: act }).click()
      await expect.poll(async () => (await read(id)).status).toBe(status)
    }
    await decide('Pause', 'paused')
    await page.getByText('paused by a person').waitFor()
    await decide('Resume', 'active')
    await decide('Archive', 'archived')
    await page.goto(`${server().url}/console${here.list}`)
    await page.getByText('Every routine is archived.').waitFor()
    await page.getByLabel('Archived, too').check()
    await row(page, 'Routines', 'Weekly report').getByRole('link', { name: 'Weekly report' }).click()
    await decide('Restore', 'paused')
  })

  test('All routines are paused at once with a reason, and those alone are resumed', async () => {
    const here = await company()
    const active = await makeRoutine(here)
    const paused = await makeRoutine(here, { title: 'Monthly report', status: 'paused' })
    const page = await open(here.list)
    await page.getByRole('button', { name: 'Pause all' }).click()
    const form = dialog(page, 'Pause all routines')
    await form.getByText('1 routine will stop at once', { exact: false }).waitFor()
    await form.getByLabel('Reason').fill('The release is broken')
    await form.getByRole('button', { name: 'Pause all' }).click()
    await notice(page, '1 routine is paused')
    await row(page, 'Routines', 'Weekly report').getByText('paused with all routines').waitFor()
    expect(await lastAudit(server(), here.company.id, 'routine.all_paused')).toMatchObject({
      details: { routineIds: [active.id], reason: 'The release is broken' },
    })
    await page.getByRole('button', { name: 'Resume all' }).click()
    await dialog(page, 'Resume all routines').getByRole('button', { name: 'Resume all' }).click()
    await notice(page, '1 routine is active again')
    expect([(await read(active.id)).status, (await read(paused.id)).status]).toEqual(['active', 'paused'])
  })

  test('The pages of routines with their dialogs are without a fault for axe, on a telephone and in both themes', async () => {
    const here = await company()
    const { id } = await makeRoutine(here, { variables: [{ name: 'week', type: 'number', defaultValue: 1 }] })
    const path = `/api/routines/${id}/triggers`
    await server().board.post(path, { kind: 'schedule', cronExpression: '0 9 * * 1', timezone: 'Europe/Berlin' })
    await server().board.post(path, { kind: 'webhook', signingMode: 'hmac_sha256' })
    await server().board.post(path, { kind: 'api' })
    await server().board.post(`/api/routines/${id}/run`, {})
    const page = await open(here.list)
    await row(page, 'Routines', 'Weekly report').waitFor()
    expect(await findingsOf(page, 'routines')).toEqual([])
    await row(page, 'Routines', 'Weekly report').getByRole('link', { name: 'Weekly report' }).click()
    await row(page, 'Runs', 'issue open').waitFor()
    expect(await findingsOf(page, 'routine')).toEqual([])
    for (const [button, name] of [
      ['Run now', 'Run Weekly report'],
      ['Add a trigger', 'Add a trigger'],
      ['Archive', 'Archive Weekly report'],
    ] as const) {
      await page.getByRole('button', { name: button, exact: true }).click()
      await dialog(page, name).waitFor()
      expect(await findingsOf(page, name)).toEqual([])
      await page.keyboard.press('Escape')
      await dialog(page, name).waitFor({ state: 'detached' })
    }
  })
})
