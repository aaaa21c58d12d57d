import type { Page } from 'playwright-core'
import { beforeAll, describe, expect, test } from 'vitest'
import { makeConsole } from '../../launch/consoleBuild.js'
import { hasChromium, useBrowser } from '../testing/browser.ts'
import { boardOf, member } from '../testing/people.ts'
import type { TestPerson } from '../testing/people.ts'
import { useServer, world } from '../testing/world.ts'
import type { World } from '../testing/world.ts'
import { untilState } from './looking.ts'
import { settle, watchQuiet } from './settle.ts'

const server = useServer({ people: {}, boardMode: 'token' })
const openBrowser = useBrowser()
beforeAll(async () => void (await makeConsole()))

/** A browser in which a person works, and the reads that were refused to it. */
async function visit({ cookie }: TestPerson): Promise<{ page: Page; refused: string[]; isQuiet: () => Promise<void> }> {
  const { page, context } = await openBrowser({ origins: [server().url] })
  const pairs = cookie.split('; ').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const)
  await context.addCookies(pairs.map(([name, value]) => ({ name, value, url: server().url, httpOnly: true })))
  const refused: string[] = []
  page.on('response', (response) => {
    if (response.status() === 403) refused.push(`${response.request().method()} ${new URL(response.url()).pathname}`)
  })
  return { page, refused, isQuiet: watchQuiet(page) }
}

async function show(page: Page, { company }: World, path: string): Promise<void> {
  await page.goto(`${server().url}/console/${company.issuePrefix}/${path}`)
  await untilState(page, 'Live')
  await settle(page)
}

const REFUSED = 'Ask an owner of the company for a role that may do this.'

describe.skipIf(!hasChromium)('what the console asks for as a member of a company (needs Chromium)', () => {
  test('No read of a viewer is refused by the server, and a page that its role may not see says so', async () => {
    const here = await world(server())
    const agent = await here.agent({ name: 'Grace' })
    const issue = await here.issue({ title: 'Write the wiki', assigneeAgentId: agent.id })
    const { page, refused, isQuiet } = await visit(await member(server(), here.company.id, 'viewer'))
    const below = `agents/${agent.id}`
    const open = [
      ...`overview issues locks runs agents approvals activity costs budgets projects routines skills settings`.split(' '),
      below,
    ]
    for (const path of [...open, `issues/${issue.identifier}`]) {
      await show(page, here, path)
      await isQuiet()
    }
    for (const path of ['secrets', 'webhooks', 'settings?tab=members', `${below}?tab=keys`, `${below}?tab=configuration`]) {
      await show(page, here, path)
      await page.getByRole('alert').getByText(REFUSED).first().waitFor()
    }
    expect(refused).toEqual([])
  })

  test('A page that was refused is shown as soon as the role allows it', async () => {
    const here = await world(server())
    const who = await member(server(), here.company.id, 'viewer')
    const { page, refused } = await visit(who)
    await show(page, here, 'secrets')
    await page.getByRole('alert').getByText(REFUSED).first().waitFor()
    const members = `/api/companies/${here.company.id}/members`
    const listed = (await boardOf(server()).get(members)).body as { id: string; principalId: string }[]
    const { id } = listed.find(({ principalId }) => principalId === who.id) ?? { id: '' }
    expect((await boardOf(server()).patch(`${members}/${id}`, { role: 'admin' })).status).toBe(200)
    await page.getByText(REFUSED).first().waitFor({ state: 'detached' })
    await page
      .getByRole('button', { name: /secret/i })
      .first()
      .waitFor()
    expect(refused).toEqual([])
  })
})
