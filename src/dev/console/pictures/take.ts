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
  { name: 'board', address: `/${company.prefix}/issues?view=board` },
  { name: 'agent-instructions', address: `${addressOf('agents/:agent', company)}?tab=instructions` },
  { name: 'costs-finance', address: `/${company.prefix}/costs?tab=finance` },
  { name: 'welcome', address: '/-/welcome' },
]

async function keep(page: Page, name: string): Promise<number> {
  const picture = withPalette(await page.screenshot({ animations: 'disabled', caret: 'hide' }))
  writeFileSync(path.join(FOLDER, `${name}.png`), picture)
  return picture.length
}

/** Takes all pictures anew. @returns how many bytes they have together */
export async function takePictures(browser: Browser, stage: Stage): Promise<{ readonly count: number; readonly bytes: number }> {
  mkdirSync(FOLDER, { recursive: true })
  for (const name of readdirSync(FOLDER)) if (name.endsWith('.png')) rmSync(path.join(FOLDER, name))
  const sizes: number[] = []
  const page = await browser.newPage({ viewport: DESK })
  const untilQuiet = watchQuiet(page)
  for (const { name, address } of shotsOf(stage)) {
    await page.goto(`${stage.url}/console${address}`)
    await settle(page)
    await untilQuiet()
    for (const theme of THEMES) {
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' })
      sizes.push(await keep(page, `${name}-${theme}`))
    }
    if (!ON_TELEPHONE.has(name)) continue
    await page.setViewportSize(TELEPHONE)
    await page.emulateMedia({ colorScheme: 'light' })
    sizes.push(await keep(page, `${name}-telephone`))
    await page.setViewportSize(DESK)
  }
  await page.close()
  return { count: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) }
}
