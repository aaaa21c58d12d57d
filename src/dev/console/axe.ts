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

const RUN = 'axe.run().then(({ violations }) => violations)'
const EXCESS = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'

/** The findings of axe-core in the page as it is shown now. One sentence for each finding; none for a page without. */
export async function axeFindingsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  return (await page.evaluate<Finding[]>(RUN)).map(({ id, help, nodes }) => {
    const [first] = nodes.flatMap(({ any, all }) => [...any, ...all])
    return `${id}, ${help}: ${nodes.map(({ target }) => target.join(' ')).join(', ')} (${first?.message ?? ''})`
  })
}

/** The findings of axe-core in the page, and whether it is wider than its screen. One sentence for each finding; none for a page without. */
export async function findingsOf(page: Page, name: string): Promise<string[]> {
  const found: string[] = []
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 })
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      const where = `${name}, ${width}, ${colorScheme}`
      found.push(...(await axeFindingsOf(page)).map((finding) => `${where}: ${finding}`))
      const excess = await page.evaluate<number>(EXCESS)
      if (excess > 0) found.push(`${where}: the page is ${excess} pixels wider than the screen`)
    }
  }
  return found
}
