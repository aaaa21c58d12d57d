// axe-core in a page that is shown, in both themes and at the widths of a telephone and of a desk. The driver of the browser puts it in,
// because the policy of the page lets no foreign script in.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

const WIDTHS = [360, 1440]

interface Check {
  readonly message: string
}

interface Finding {
  readonly id: string
  readonly help: string
  readonly nodes: readonly { readonly target: readonly string[]; readonly any: readonly Check[]; readonly all: readonly Check[] }[]
}

const IS_MISSING = "typeof globalThis.axe === 'undefined'"
const RUN = 'axe.run().then(({ violations }) => violations)'
const EXCESS = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'

/** Cells of tables that are too narrow for a word, and buttons in shown cells that are not shown. One sentence for each. */
const SQUEEZED = `[...document.querySelectorAll('table.data td')].flatMap((cell) => {
  if (!cell.checkVisibility()) return []
  const { paddingLeft, paddingRight } = getComputedStyle(cell)
  const room = cell.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight)
  const words = cell.textContent.trim()
  const hidden = [...cell.querySelectorAll('button')].filter((button) => !button.checkVisibility())
  return [
    ...(words !== '' && room < 56 && cell.scrollWidth > cell.clientWidth ? ['the cell "' + words + '" has ' + Math.round(room) + ' pixels'] : []),
    ...hidden.map((button) => 'the button "' + button.textContent + '" of a row is not shown'),
  ]
})`

/** The findings of axe-core in the page as it is shown now. One sentence for each finding; none for a page without. */
export async function axeFindingsOf(page: Page): Promise<string[]> {
  if (await page.evaluate<boolean>(IS_MISSING)) await page.evaluate(axe)
  return (await page.evaluate<Finding[]>(RUN)).map(({ id, help, nodes }) => {
    const [first] = nodes.flatMap(({ any, all }) => [...any, ...all])
    return `${id}, ${help}: ${nodes.map(({ target }) => target.join(' ')).join(', ')} (${first?.message ?? ''})`
  })
}

/** How a page is looked at. */
type Look = readonly [width: number, colorScheme: 'light' | 'dark']

const everyLook: readonly Look[] = WIDTHS.flatMap((width) =>
  (['light', 'dark'] as const).map((colorScheme) => [width, colorScheme] as const),
)
/** Each width and each theme once: enough for a part of a page that is looked at as a whole elsewhere. */
export const twoLooks: readonly Look[] = [
  [360, 'dark'],
  [1440, 'light'],
]

/** The findings of axe-core in the page, whether it is wider than its screen, and its cells that cannot be read. One sentence for each finding; none for a page without. */
export async function findingsOf(page: Page, name: string, looks: readonly Look[] = everyLook): Promise<string[]> {
  const found: string[] = []
  for (const [width, colorScheme] of looks) {
    await page.setViewportSize({ width, height: 900 })
    await page.emulateMedia({ colorScheme })
    const where = `${name}, ${width}, ${colorScheme}`
    found.push(...(await axeFindingsOf(page)).map((finding) => `${where}: ${finding}`))
    found.push(...(await page.evaluate<string[]>(SQUEEZED)).map((finding) => `${where}: ${finding}`))
    const excess = await page.evaluate<number>(EXCESS)
    if (excess > 0) found.push(`${where}: the page is ${excess} pixels wider than the screen`)
  }
  return found
}
