import { beforeAll, describe, expect, test } from 'vitest'
import type { Locator, Page } from 'playwright-core'
import { makeConsole } from '../../launch/consoleBuild.js'
import { hasChromium, useBrowser } from '../testing/browser.ts'
import { boardOf, member, person } from '../testing/people.ts'
import type { TestPerson } from '../testing/people.ts'
import { TEST_PASSWORD } from '../testing/sessions.ts'
import { actionsOf, lastAudit, useServer, world } from '../testing/world.ts'
import type { World } from '../testing/world.ts'

const server = useServer({ people: {}, boardMode: 'token' })
const openBrowser = useBrowser()

beforeAll(async () => void (await makeConsole()))

/** Opens a page of the console in a new browser of a person, in which it signs in by the form on the way. */
async function openAs({ email }: Pick<TestPerson, 'email'>, path: string): Promise<Page> {
  const { page } = await openBrowser({ origins: [server().url] })
  await page.setViewportSize({ width: 1440, height: 900 })
  await page.goto(`${server().url}/sign-in?next=${encodeURIComponent(`/console${path}`)}`)
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password').fill(TEST_PASSWORD)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.waitForURL((url) => url.pathname.startsWith('/console/'))
  return page
}

const settings = ({ company }: World, tab = ''): string => `/${company.issuePrefix}/settings${tab === '' ? '' : `?tab=${tab}`}`
const dialog = (page: Page, name: string): Locator => page.getByRole('dialog', { name })
const row = (page: Page, table: string, text: string): Locator =>
  page.getByRole('table', { name: table }).getByRole('row').filter({ hasText: text })
const notice = (page: Page, text: string): Promise<void> => page.locator('.notices').getByText(text).waitFor()

describe.skipIf(!hasChromium)('settings where people sign in (need Chromium)', () => {
  describe('members', () => {
    test('The role of a person that is changed in one browser counts in the next act of the other browser', async () => {
      const here = await world(server())
      const owner = await member(server(), here.company.id, 'owner')
      const colleague = await member(server(), here.company.id, 'operator')
      const theirs = await openAs(colleague, settings(here))
      await theirs.getByLabel('Name').fill('Acme and Sons')
      await theirs.getByRole('button', { name: 'Save' }).click()
      await theirs.getByRole('alert').getByText('Your role in the company does not allow this').waitFor()
      const ours = await openAs(owner, settings(here, 'members'))
      await row(ours, 'Members', colleague.email).getByRole('button', { name: 'Role of operator' }).click()
      await dialog(ours, 'Role of operator').getByLabel('New role').selectOption('admin')
      await dialog(ours, 'Role of operator').getByRole('button', { name: 'Make operator an admin' }).click()
      await notice(ours, 'operator is admin now')
      await row(ours, 'Members', colleague.email).getByText('admin', { exact: true }).waitFor()
      expect(await theirs.getByLabel('Name').inputValue()).toBe('Acme and Sons')
      await theirs.getByRole('button', { name: 'Save' }).click()
      await notice(theirs, 'The company is saved')
      expect((await boardOf(server()).get(`/api/companies/${here.company.id}`)).body.name).toBe('Acme and Sons')
      expect(await lastAudit(server(), colleague.id, 'person.role_changed')).toMatchObject({
        actorId: owner.id,
        details: { membershipRole: 'admin', _previous: { membershipRole: 'operator' } },
      })
    })

    test('The last owner is not suspended, in the words of the server, and another member is', async () => {
      const here = await world(server())
      const owner = await member(server(), here.company.id, 'owner')
      const colleague = await member(server(), here.company.id, 'viewer')
      const theirs = await openAs(colleague, `/${here.company.issuePrefix}/overview`)
      await theirs.getByRole('heading', { name: 'Overview' }).waitFor()
      const page = await openAs(owner, settings(here, 'members'))
      await row(page, 'Members', owner.email).getByRole('button', { name: 'Suspend of owner' }).click()
      await dialog(page, 'Suspend owner').getByRole('button', { name: 'Suspend owner' }).click()
      await dialog(page, 'Suspend owner').getByText('The last owner of a company cannot go').waitFor()
      await dialog(page, 'Suspend owner').getByRole('button', { name: 'Cancel' }).click()
      await row(page, 'Members', colleague.email).getByRole('button', { name: 'Suspend of viewer' }).click()
      await dialog(page, 'Suspend viewer').getByRole('button', { name: 'Suspend viewer' }).click()
      await row(page, 'Members', colleague.email).getByText('suspended').waitFor()
      expect((await colleague.client.get(`/api/companies/${here.company.id}`)).status).toBe(404)
      await row(page, 'Members', colleague.email).getByRole('button', { name: 'Reinstate of viewer' }).click()
      await dialog(page, 'Reinstate viewer').getByRole('button', { name: 'Reinstate viewer' }).click()
      await row(page, 'Members', colleague.email).getByText('active').waitFor()
      expect(await actionsOf(server(), colleague.id)).toEqual(expect.arrayContaining(['person.role_changed']))
    })

    test('A grant beyond the role lets a person invite', async () => {
      const here = await world(server())
      const owner = await member(server(), here.company.id, 'owner')
      const colleague = await member(server(), here.company.id, 'viewer')
      const page = await openAs(owner, settings(here, 'members'))
      await row(page, 'Members', colleague.email).getByRole('button', { name: 'Grants of viewer' }).click()
      await dialog(page, 'Grants of viewer').getByLabel('Invite people and agents').check()
      await dialog(page, 'Grants of viewer').getByRole('button', { name: 'Save the grants' }).click()
      await row(page, 'Members', colleague.email).getByText('users:invite').waitFor()
      const asked = { allowedJoinTypes: 'human', memberRole: 'viewer' }
      expect((await colleague.client.post(`/api/companies/${here.company.id}/invites`, asked)).status).toBe(201)
      expect((await lastAudit(server(), colleague.id, 'person.permissions_changed')).details).toMatchObject({ added: ['users:invite'] })
    })
  })

  describe('invitations', () => {
    test('An invitation is made, its link is shown once, a person uses it, and the request is approved', async () => {
      const here = await world(server())
      const owner = await member(server(), here.company.id, 'owner')
      const page = await openAs(owner, settings(here, 'invitations'))
      await page.getByText('No invitation was made yet.').waitFor()
      await page.getByLabel('Role of the person').selectOption('viewer')
      await page.getByRole('button', { name: 'Make the invitation' }).click()
      const link = await page.getByRole('region', { name: 'The link for a person' }).textContent()
      await row(page, 'Invitations', 'open').waitFor()
      await page.reload()
      await row(page, 'Invitations', 'open').waitFor()
      expect(await page.getByRole('region', { name: 'The link for a person' }).count()).toBe(0)
      const guest = await person(server(), 'Grace')
      const token = new URL(link ?? '').pathname.split('/').at(-1)
      const asked = await guest.client.post(`/api/invites/${token}/accept`, { requestType: 'human' })
      expect(asked.status, asked.text).toBe(202)
      await row(page, 'Invitations', 'used').waitFor()
      await page.getByRole('link', { name: 'Join requests' }).click()
      await row(page, 'Join requests', guest.email)
        .getByRole('button', { name: /^Decide/ })
        .click()
      await dialog(page, `${guest.email} asks to join`).getByRole('button', { name: 'Approve' }).click()
      await page.getByText('No request waits for a decision.').waitFor()
      expect(await actionsOf(server(), asked.body.id)).toEqual(['join.requested', 'join.approved'])
      const theirs = await openAs(guest, '/')
      await expect.poll(() => new URL(theirs.url()).pathname).toBe(`/console/${here.company.issuePrefix}/overview`)
    })

    test('An invitation that is revoked leads nowhere', async () => {
      const here = await world(server())
      const owner = await member(server(), here.company.id, 'owner')
      const page = await openAs(owner, settings(here, 'invitations'))
      await page.getByRole('button', { name: 'Make the invitation' }).click()
      const link = await page.getByRole('region', { name: 'The link for a person' }).textContent()
      const token = new URL(link ?? '').pathname.split('/').at(-1)
      expect((await server().anonymous.get(`/api/invites/${token}`)).status).toBe(200)
      await row(page, 'Invitations', 'open')
        .getByRole('button', { name: /^Revoke/ })
        .click()
      await dialog(page, 'Revoke the invitation').getByRole('button', { name: 'Revoke the invitation' }).click()
      await row(page, 'Invitations', 'revoked').waitFor()
      expect((await server().anonymous.get(`/api/invites/${token}`)).status).toBe(404)
    })
  })

  describe('sessions', () => {
    test('A session that is ended in one browser ends in the other, whose page says so', async () => {
      const here = await world(server())
      const owner = await member(server(), here.company.id, 'owner')
      const phone = await openAs(owner, `/${here.company.issuePrefix}/settings`)
      await phone.getByLabel('Name').fill('Kept')
      const laptop = await openAs(owner, settings(here, 'sessions'))
      await row(laptop, 'My sessions', 'this one').waitFor()
      const before = await laptop.getByRole('button', { name: /^End/ }).count()
      expect(before).toBe(2)
      await laptop.getByRole('button', { name: 'Sign out all other browsers' }).click()
      await dialog(laptop, 'Sign out all other browsers').getByRole('button', { name: 'Sign out all other browsers' }).click()
      await expect.poll(() => laptop.getByRole('button', { name: /^End/ }).count()).toBe(0)
      await phone.getByRole('button', { name: 'Save' }).click()
      await phone.getByRole('heading', { name: 'You are not signed in' }).waitFor()
      expect((await lastAudit(server(), owner.id, 'person.sessions_ended')).details).toMatchObject({ reason: 'revoked' })
      await laptop.getByRole('button', { name: 'Sign out everywhere' }).click()
      await dialog(laptop, 'Sign out everywhere').getByRole('button', { name: 'Sign out everywhere' }).click()
      await expect.poll(() => new URL(laptop.url()).pathname).toBe('/sign-in')
    })
  })

  test('A person who is a member of no company is shown how to get into one', async () => {
    const guest = await person(server(), 'Grace')
    const page = await openAs(guest, '/')
    await page.getByRole('heading', { name: 'You are a member of no company' }).waitFor()
  })
})
