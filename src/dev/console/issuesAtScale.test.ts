import { describe, expect, test } from 'vitest'
import { hasChromium } from '../testing/browser.ts'
import { world } from '../testing/world.ts'
import { useConsole } from './consoleWorld.ts'

const { server, open } = useConsole()

const ISSUES = 10_000

/** Makes the issues without the API, which so many of them would keep busy for minutes. */
const makeIssues = (companyId: string, prefix: string): Promise<unknown> =>
  server().database.sql.query(
    `insert into issues (company_id, title, description, issue_number, identifier, status, priority, updated_at)
     select $1::uuid, 'Issue number ' || i, repeat('Some words about it. ', 20), 100000 + i, $2::text || '-' || (100000 + i), 'todo',
       (array['critical', 'high', 'medium', 'low'])[1 + i % 4], now() - make_interval(secs => i)
     from generate_series(1, $3::int) i`,
    [companyId, prefix, ISSUES],
  )

describe.skipIf(!hasChromium)('ten thousand issues in the console (need Chromium)', () => {
  test('One key selects all, few rows are drawn, and a hundred changes in a second neither read the list without end nor disturb typing', async () => {
    const w = await world(server())
    await makeIssues(w.company.id, w.company.issuePrefix)
    const page = await open(`/${w.company.issuePrefix}/issues`)
    const isList = (url: string): boolean => url.includes(`/companies/${w.company.id}/issues?`)
    let reads = 0
    page.on('request', (request) => void (isList(request.url()) && (reads += 1)))
    await page.getByText('100 of more issues').waitFor()
    await page.keyboard.press('Shift+X')
    await page.getByRole('region', { name: 'Selected issues' }).getByText('10,000 selected').waitFor()
    const readsOfAll = reads
    await page.keyboard.press('Escape')
    // The frames of scrolling are measured in `measures.test.ts`.
    await page.evaluate('scrollTo(0, document.documentElement.scrollHeight)')
    await page.getByRole('table', { name: 'Issues' }).getByText('Issue number 9999', { exact: true }).waitFor()
    expect(await page.locator('table[aria-label=Issues] tbody tr').count()).toBeLessThan(80)

    const changed = (await server().board.get(`/api/companies/${w.company.id}/issues?limit=50`)).body as { id: string }[]
    reads = 0
    let events = 0
    const startedAt = performance.now()
    const isOver = (): boolean => performance.now() - startedAt > 6000
    const change = async (from: number): Promise<void> => {
      for (let at = from; !isOver(); at += 4) {
        const answer = await server().board.patch(`/api/issues/${changed[at % 50]?.id}`, { title: `Changed ${at}` })
        if (answer.status === 200) events += 1
      }
    }
    await page.keyboard.press('c')
    const text = 'changed everywhere and more'
    await Promise.all([0, 1, 2, 3].map(change).concat(page.keyboard.type(text, { delay: 200 })))
    process.stdout.write(`reads of all ${readsOfAll}; ${events} events in 6 s: ${reads} reads\n`)
    expect(reads).toBeLessThan(100)
    expect(await page.getByRole('dialog', { name: 'Create issue' }).getByLabel('Title').inputValue()).toBe(text)
  })
})
