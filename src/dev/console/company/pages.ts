// The addresses of every page, made from the list of pages: a page that is added is looked at, or the tests fail.

import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { FilledCompany } from './fill.ts'

const consoleFolder = path.join(import.meta.dirname, '../../../console')
const source = readFileSync(path.join(consoleFolder, 'pages.ts'), 'utf8')

/** The patterns of the pages of a company, as `src/console/pages.ts` lists them. It is read as a text, because it loads components. */
export const patterns: readonly string[] = [...source.matchAll(/^ {2}page\('([^']+)'/gm)].map(([, pattern = '']) => pattern)

/** A part of a page with an address of its own. */
interface PartOfPage {
  readonly pattern: string
  readonly tab: string
}

/** The sources that list the tabs of a page: its own, and `lists.ts` beside it. None for a page without tabs. */
const tabSources = (file: string): readonly string[] =>
  readFileSync(file, 'utf8').includes('<Tabs ')
    ? [file, path.join(path.dirname(file), 'lists.ts')].filter((each) => existsSync(each)).map((each) => readFileSync(each, 'utf8'))
    : []

/** The tabs of every page but the first of each, which has the address of the page. */
export const partsOfPages: readonly PartOfPage[] = [...source.matchAll(/^ {2}page\('([^']+)', \(\) => import\('([^']+)'\)/gm)].flatMap(
  ([, pattern = '', file = '']) =>
    tabSources(path.join(consoleFolder, file)).flatMap((text) =>
      [...text.matchAll(/\{ value: '(\w+)', label: '/g)].map(([, tab = '']) => ({ pattern, tab })),
    ),
)

/** An address below `/console` for a pattern. @throws Error for a part for which the company has no row */
export function addressOf(pattern: string, { prefix, shown }: FilledCompany): string {
  const parts = pattern.split('/').map((part) => {
    if (!part.startsWith(':')) return part
    const value = (shown as Readonly<Record<string, string | undefined>>)[part.slice(1)]
    if (value === undefined) throw new Error(`src/dev/console/company/fill.ts shows no row for ${part} of ${pattern}`)
    return encodeURIComponent(value)
  })
  return `/${prefix}/${parts.join('/')}`
}

/** The name of a page in the names of pictures: `issue` for `issues/:issue`. */
export const nameOf = (pattern: string): string => /:(\w+)$/.exec(pattern)?.[1] ?? pattern
