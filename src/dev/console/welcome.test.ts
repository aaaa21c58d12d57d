import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { hasChromium } from '../testing/browser.ts'
import { actionsOf } from '../testing/world.ts'
import { useConsole } from './consoleWorld.ts'

const { server, open } = useConsole()
const run = promisify(execFile)

describe.skipIf(!hasChromium)('the welcome of the console (needs Chromium)', () => {
  test('A person with an empty server makes a company, an agent and an issue, and the command that is shown makes the agent work', async () => {
    const page = await open('/')
    await page.getByRole('heading', { name: 'Welcome' }).waitFor()
    expect(new URL(page.url()).pathname).toBe('/console/-/welcome')
    await page.getByLabel('Name of the company').fill('Acme Works')
    await page.getByRole('button', { name: 'Create the company' }).click()
    await page.getByRole('heading', { name: 'Acme Works begins' }).waitFor()
    await page.getByLabel('Name of the agent').fill('Ada')
    await page.getByRole('button', { name: 'Hire the agent and make its key' }).click()
    await page.getByRole('heading', { name: 'Ada is hired' }).waitFor()
    const key = await page.getByRole('region', { name: 'The key of Ada' }).textContent()
    expect(key).toMatch(/^pcp_/)
    await page.getByLabel('Title of the issue').fill('Write the changelog')
    await page.getByRole('button', { name: 'Create the issue' }).click()
    await page.getByRole('heading', { name: 'There is an issue to work on' }).waitFor()
    const command = await page.getByRole('region', { name: 'The command that connects Ada' }).textContent()
    const { stdout } = await run('sh', ['-c', command ?? ''])
    expect(stdout.split('\n')).toEqual(['Hello. This is my first run.', 'done', 'succeeded', ''])
    await page.getByRole('heading', { name: 'An agent works' }).waitFor()
    const companies = (await server().board.get('/api/companies')).body as { id: string; name: string }[]
    const [company] = companies
    expect(company?.name).toBe('Acme Works')
    const [issue] = (await server().board.get(`/api/companies/${company?.id}/issues`)).body as { id: string; status: string }[]
    expect(issue?.status).toBe('done')
    expect(await actionsOf(server(), issue?.id ?? '')).toContain('issue.created')
    await page.getByRole('link', { name: 'Open the overview' }).click()
    await page.getByRole('heading', { name: 'Figures' }).waitFor()
  })

  test('The overview of a new company has the same steps, and the list of companies leads to another new one', async () => {
    const made = (await server().board.post('/api/companies', { name: 'Beta Works' })).body
    const page = await open(`/${made.issuePrefix}/overview`)
    await page.getByRole('heading', { name: 'Hire an agent' }).waitFor()
    await page.getByRole('combobox', { name: 'Company' }).selectOption('New company…')
    await page.getByRole('heading', { name: 'New company' }).waitFor()
    await page.getByLabel('Name of the company').fill('')
    await page.getByRole('link', { name: 'Back to the console' }).click()
    await expect.poll(() => new URL(page.url()).pathname).toMatch(/^\/console\/\w+\/overview$/)
  })
})
