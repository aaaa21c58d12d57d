// Pictures of every page in both themes, and of some on a telephone.

import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { addressOf, nameOf, patterns } from '../company/pages.ts'
import type { Stage } from '../company/stage.ts'
import { settle, watchQuiet } from '../settle.ts'
import { withPalette } from './png.ts'

/** Where the pictures are. */
const FOLDER = path.resolve(import.meta.dirname, '../../../../doc/console')

const THEMES = ['light', 'dark'] as const
const DESK = { width: 1440, height: 900 }
const TELEPHONE = { width: 360, height: 740 }
/** The pages whose pictures on a telephone are kept: the ones that are opened there. */
const ON_TELEPHONE: ReadonlySet<string> = new Set(['overview', 'locks', 'issue', 'approvals'])

interface Shot {
  readonly name: string
  readonly address: string
}

const shotsOf = ({ company }: Stage): readonly Shot[] => [
  ...patterns.map((pattern) => ({ name: nameOf(pattern), address: addressOf(pattern, company) })),
  { name: 'board', address: `/${company.prefix}/issues?layout=board` },
  { name: 'agent-instructions', address: `${addressOf('agents/:agent', company)}?tab=instructions` },
  { name: 'costs-finance', address: `/${company.prefix}/costs?tab=finance` },
  { name: 'welcome', address: '/-/welcome' },
]

async function keep(page: Page, name: string): Promise<number> {
  const picture = withPalette(await page.screenshot({ animations: 'disabled', caret: 'hide' }))
  writeFileSync(path.join(FOLDER, `${name}.png`), picture)
  return picture.length
}

/** The pages that show a dead hold. */
const WITH_DEAD_HOLD: ReadonlySet<string> = new Set(['overview', 'locks'])

/** Lets a lease run out, and keeps the server from ending the run for as long as the pictures take: it waits for the lock of the row. */
async function whileDead({ sql, company }: Stage, take: () => Promise<void>): Promise<void> {
  const client = await sql.connect()
  try {
    const { rows } = await client.query<{ id: string }>(
      `update heartbeat_runs set lease_expires_at = now() - interval '19 minutes'
       where company_id = $1 and status = 'running' and last_seen_at < now() - interval '20 minutes' returning id`,
      [company.id],
    )
    const [run] = rows
    if (run === undefined) throw new Error('no run is silent for twenty minutes')
    // The pages of a busy machine take longer than a transaction may.
    await client.query('set idle_in_transaction_session_timeout = 0; set transaction_timeout = 0; set statement_timeout = 0')
    await client.query('begin')
    await client.query('select from heartbeat_runs where id = $1 for update', [run.id])
    await take()
    await client.query("update heartbeat_runs set lease_expires_at = now() + interval '1 hour' where id = $1", [run.id])
    await client.query('commit')
  } finally {
    client.release()
  }
}

/** Takes all pictures anew. @returns how many bytes they have together */
export async function takePictures(browser: Browser, stage: Stage): Promise<{ readonly count: number; readonly bytes: number }> {
  mkdirSync(FOLDER, { recursive: true })
  for (const name of readdirSync(FOLDER)) if (name.endsWith('.png')) rmSync(path.join(FOLDER, name))
  const sizes: number[] = []
  const page = await browser.newPage({ viewport: DESK })
  const untilQuiet = watchQuiet(page)
  const take = async ({ name, address }: Shot): Promise<void> => {
    await page.goto(`${stage.url}/console${address}`)
    await settle(page)
    await untilQuiet()
    for (const theme of THEMES) {
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' })
      sizes.push(await keep(page, `${name}-${theme}`))
    }
    if (!ON_TELEPHONE.has(name)) return
    await page.setViewportSize(TELEPHONE)
    await page.emulateMedia({ colorScheme: 'light' })
    sizes.push(await keep(page, `${name}-telephone`))
    await page.setViewportSize(DESK)
  }
  for (const shot of shotsOf(stage)) await (WITH_DEAD_HOLD.has(shot.name) ? whileDead(stage, () => take(shot)) : take(shot))
  await page.close()
  return { count: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) }
}
