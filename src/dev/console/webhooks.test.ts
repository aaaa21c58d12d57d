import type { Locator, Page } from 'playwright-core'
import { Webhook } from 'standardwebhooks'
import { describe, expect, onTestFinished, test } from 'vitest'
import { addressPolicy } from '../../adapters/index.ts'
import { startWebhookDelivery } from '../../observe/webhooks/index.ts'
import { createLog } from '../../platform/kernel/log.ts'
import { hasChromium } from '../testing/browser.ts'
import { startReceiver } from '../testing/webhookReceiver.ts'
import { actionsOf, lastAudit, world } from '../testing/world.ts'
import type { World } from '../testing/world.ts'
import { findingsOf } from './axe.ts'
import { useConsole } from './consoleWorld.ts'

const { server, open } = useConsole({ adapters: { allowedAddresses: ['127.0.0.1'] } })

const row = (page: Page, table: string, text: string): Locator =>
  page.getByRole('table', { name: table }).getByRole('row').filter({ hasText: text })
const dialog = (page: Page, name: string): Locator => page.getByRole('dialog', { name })
const notice = (page: Page, text: string): Promise<void> => page.locator('.notices').getByText(text).waitFor()
const pathOf = ({ company }: World): string => `/${company.issuePrefix}/webhooks`

interface Made {
  readonly id: string
  readonly url: string
  readonly status: string
  readonly secret: string
  readonly [field: string]: unknown
}

async function makeWebhook({ company }: World, fields: Record<string, unknown> = {}): Promise<Made> {
  const answer = await server().board.post(`/api/companies/${company.id}/webhooks`, { url: 'https://hooks.example.com/3f9a', ...fields })
  expect(answer.status, answer.text).toBe(201)
  return answer.body as Made
}

const read = async (id: string): Promise<Made> => (await server().board.get(`/api/webhooks/${id}`)).body as Made

/** The delivery of a server. It ends with the test. */
function deliver(): void {
  const { store, feed } = server()
  const outbound = { policy: addressPolicy(['127.0.0.1']), resolve: async () => [] }
  const task = startWebhookDelivery({ store, feed, outbound, log: createLog('silent', false), timeoutMs: 2000 }, { lookIntervalMs: 20 })
  onTestFinished(() => task.stop())
}

/** Parks a webhook, as a day of refusals does. */
const park = (id: string): Promise<unknown> =>
  server().database.sql.query(
    `update webhook_endpoints set status = 'parked', stopped_reason = 'retries_exhausted', stopped_at = now(), consecutive_failures = 8,
       failing_since = now() - interval '25 hours', last_error = 'The receiver answered 503' where id = $1`,
    [id],
  )

describe.skipIf(!hasChromium)('the pages of webhooks in the console (need Chromium)', () => {
  test('A webhook is made by keys, an address that is not allowed is refused and kept, and its secret is shown once and signs', async () => {
    const here = await world(server())
    const receiver = await startReceiver()
    const page = await open(pathOf(here))
    await page.getByText('There is no webhook yet.').waitFor()
    await page.keyboard.press('n')
    const form = dialog(page, 'New webhook')
    await form.getByLabel('URL').fill('https://10.0.0.1/hooks')
    await form.getByLabel('Events').fill('issue.*\napproval.created')
    await form.getByRole('button', { name: 'Create the webhook' }).click()
    await form.getByRole('alert').getByText('its address is not public', { exact: false }).waitFor()
    expect(await form.getByLabel('Events').inputValue()).toBe('issue.*\napproval.created')
    await form.getByLabel('URL').fill(receiver.url)
    await form.getByLabel('Description').fill('The chat')
    await form.getByRole('button', { name: 'Create the webhook' }).click()
    const shown = dialog(page, 'The signing secret')
    const secret = (await shown.getByRole('region', { name: 'The secret' }).textContent()) ?? ''
    await shown.getByRole('button', { name: 'I have copied it' }).click()
    await row(page, 'Webhooks', receiver.url).getByText('delivers').waitFor()
    expect(await page.content()).not.toContain(secret)
    const [made] = (await server().board.get(`/api/companies/${here.company.id}/webhooks`)).body as Made[]
    expect(made).toMatchObject({ url: receiver.url, events: ['issue.*', 'approval.created'], description: 'The chat' })
    expect(await lastAudit(server(), made?.id ?? '', 'webhook.created')).toMatchObject({ actorId: 'local-board' })
    deliver()
    await here.issue()
    await receiver.waitForCount(1)
    const [message] = receiver.messages
    expect(new Webhook(secret).verify(message?.text ?? '', message?.headers as Record<string, string>)).toMatchObject({
      companyId: here.company.id,
    })
    await row(page, 'Webhooks', receiver.url).getByRole('link').click()
    await row(page, 'Deliveries', 'issue.created').getByText('204').waitFor()
  })

  test('A test shows the answer of the receiver, and stands among the deliveries', async () => {
    const here = await world(server())
    const receiver = await startReceiver()
    receiver.answer((_, response) => {
      response.writeHead(503).end('down for maintenance')
      return undefined
    })
    const { id } = await makeWebhook(here, { url: receiver.url })
    const page = await open(`${pathOf(here)}/${id}`)
    await page.getByText('Nothing was delivered yet.').waitFor()
    await page.getByRole('button', { name: 'Send a test' }).click()
    const form = dialog(page, 'Send a test')
    await form.getByRole('button', { name: 'Send it' }).click()
    const outcome = form.getByRole('status', { name: 'Outcome' })
    await outcome.getByText('503, refused').waitFor()
    await outcome.getByText('down for maintenance').waitFor()
    receiver.answer(() => 204)
    await form.getByRole('button', { name: 'Send it again' }).click()
    await outcome.getByText('204').waitFor()
    await form.getByRole('button', { name: 'Close', exact: true }).last().click()
    await row(page, 'Deliveries', '503, refused').waitFor()
    expect(await actionsOf(server(), id)).toEqual(['webhook.created', 'webhook.tested', 'webhook.tested'])
    await row(page, 'Deliveries', '503, refused').getByRole('button', { name: 'webhook.test' }).click()
    await dialog(page, 'webhook.test').getByText('down for maintenance').waitFor()
  })

  test('A parked webhook stands first with its reason, and resumes where it stood', async () => {
    const here = await world(server())
    const receiver = await startReceiver()
    await makeWebhook(here, { description: 'The older one' })
    const parked = await makeWebhook(here, { url: receiver.url, description: 'Tickets', events: ['issue.*'] })
    await park(parked.id)
    const waiting = await here.issue()
    const page = await open(pathOf(here))
    const stopped = page.getByRole('region', { name: 'Stopped' })
    await stopped.getByText('One event was refused for a day.', { exact: false }).waitFor()
    const rows = page.getByRole('table', { name: 'Webhooks' }).getByRole('row')
    await expect.poll(() => rows.nth(1).textContent()).toContain('parked')
    await stopped.getByRole('link', { name: 'Tickets' }).click()
    await page.getByRole('region', { name: 'Where it stands' }).getByText('events wait since').waitFor()
    deliver()
    await page.getByRole('button', { name: 'Resume' }).click()
    await dialog(page, 'Resume the webhook').getByRole('button', { name: 'Resume' }).click()
    await notice(page, 'The webhook delivers again')
    await receiver.waitFor(({ body }) => body.payload.entityId === waiting.id)
    expect(await read(parked.id)).toMatchObject({ status: 'active', stoppedReason: null })
    expect(await actionsOf(server(), parked.id)).toContain('webhook.replayed')
  })

  test('The events after a delivery are delivered again with the same ids', async () => {
    const here = await world(server())
    const receiver = await startReceiver()
    const { id } = await makeWebhook(here, { url: receiver.url, events: ['issue.created'] })
    deliver()
    const [first, second] = [await here.issue(), await here.issue()]
    await receiver.waitForCount(2)
    const page = await open(`${pathOf(here)}/${id}`)
    await expect.poll(() => row(page, 'Deliveries', 'issue.created').count()).toBe(2)
    await row(page, 'Deliveries', 'issue.created').last().getByRole('button').click()
    await dialog(page, 'issue.created').getByRole('button', { name: 'Deliver again what came after it' }).click()
    await dialog(page, 'Deliver again').getByRole('button', { name: 'Deliver again' }).click()
    await receiver.waitForCount(3)
    expect(receiver.messages.map(({ body }) => body.payload.entityId)).toEqual([first.id, second.id, second.id])
    expect(receiver.inEffect().length).toBe(2)
  })

  test('A secret is replaced with an overlap that the page says, fields are changed against their version, and a webhook is deleted', async () => {
    const here = await world(server())
    const made = await makeWebhook(here)
    const page = await open(`${pathOf(here)}/${made.id}`)
    await page.getByRole('button', { name: 'New secret' }).click()
    const form = dialog(page, 'A new signing secret')
    await form.getByLabel('The old secret signs as well').selectOption('For an hour')
    await form.getByRole('button', { name: 'Make a new secret' }).click()
    const shown = dialog(page, 'The signing secret')
    const secret = (await shown.getByRole('region', { name: 'The secret' }).textContent()) ?? ''
    expect(secret).not.toBe(made.secret)
    await shown.getByRole('button', { name: 'I have copied it' }).click()
    await page.getByText('the one before it signs as well').waitFor()
    expect(await page.content()).not.toContain(secret)
    expect(await read(made.id)).toMatchObject({ secretVersion: 2, previousSecretUntil: expect.any(String) as string })
    const fields = page.getByRole('region', { name: 'What is sent, and where' })
    await fields.getByLabel('Description').fill('The chat of the operators')
    expect((await server().board.patch(`/api/webhooks/${made.id}`, { description: 'Another one' })).status).toBe(200)
    await fields.getByRole('button', { name: 'Save' }).click()
    await fields.getByText('It was changed while you were typing.', { exact: false }).waitFor()
    expect(await fields.getByLabel('Description').inputValue()).toBe('The chat of the operators')
    await fields.getByRole('button', { name: 'Drop' }).click()
    await fields.getByLabel('Events').fill('no pattern at all!')
    await fields.getByRole('button', { name: 'Save' }).click()
    await fields.getByRole('alert').waitFor()
    await fields.getByLabel('Events').fill('issue.*')
    await fields.getByRole('button', { name: 'Save' }).click()
    await notice(page, 'The webhook is saved')
    expect(await read(made.id)).toMatchObject({ events: ['issue.*'], description: 'Another one' })
    await page.getByRole('button', { name: 'Disable' }).click()
    await dialog(page, 'Disable the webhook').getByRole('button', { name: 'Disable' }).click()
    await page.getByText('A person has disabled it.').waitFor()
    await page.getByRole('button', { name: 'Delete' }).click()
    await dialog(page, 'Delete the webhook').getByRole('button', { name: 'Delete the webhook' }).click()
    await page.getByText('There is no webhook yet.').waitFor()
    expect((await server().board.get(`/api/webhooks/${made.id}`)).status).toBe(404)
  })

  test('The pages of webhooks with their dialogs are without a fault for axe, on a telephone and in both themes', async () => {
    const here = await world(server())
    const receiver = await startReceiver()
    const { id } = await makeWebhook(here, { url: receiver.url, description: 'Tickets' })
    await makeWebhook(here)
    await server().board.post(`/api/webhooks/${id}/test`)
    await park(id)
    const page = await open(pathOf(here))
    await page.getByRole('region', { name: 'Stopped' }).waitFor()
    expect(await findingsOf(page, 'webhooks')).toEqual([])
    await page.goto(`${server().url}/console${pathOf(here)}/${id}`)
    await row(page, 'Deliveries', 'webhook.test').waitFor()
    expect(await findingsOf(page, 'webhook')).toEqual([])
    for (const [button, name] of [
      ['New secret', 'A new signing secret'],
      ['Send a test', 'Send a test'],
      ['webhook.test', 'webhook.test'],
      ['Resume', 'Resume the webhook'],
      ['Delete', 'Delete the webhook'],
    ] as const) {
      await page.getByRole('button', { name: button, exact: true }).click()
      await dialog(page, name).waitFor()
      expect(await findingsOf(page, name)).toEqual([])
      await page.keyboard.press('Escape')
      await dialog(page, name).waitFor({ state: 'detached' })
    }
  })
})
